//! The ways in which a store with transactions can be wrong.

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Whoever comes while a transaction is open waits for its end.
    Waits,
    /// It holds no key.
    HoldsNothing,
    /// All keys are one.
    HoldsEverything,
    /// Everybody is said to run the same request.
    ForgetsTheRequest,
    /// What is written is there at once.
    WritesAtOnce,
    /// What is written is never there.
    LosesWrites,
    /// What is discarded is there.
    KeepsWrites,
    /// What was dropped is committed.
    CommitsDropped,
    /// A key that was dropped stays held.
    NeverForgets,
    /// Nobody is rolled back for having been left alone.
    WaitsForTheHung,
    /// A record takes the place of another one, or of somebody's claim, and they are not told.
    Replaces,
    /// An owner that lost its claim is told that it holds.
    TellsTheLate,
    /// A claim with a lease does not stand in the way.
    IgnoresClaims,
    /// Abandoned claims are anybody's.
    IgnoresFrom,
    /// An heir's attempt is the first.
    ForgetsAttempts,
    /// It says that everything was committed.
    SaysYes,
    /// It says that an open transaction was not committed, and commits it afterwards.
    SaysNoTooSoon,
    /// It opens a transaction for what is finished.
    RunsAgain,
    /// It answers with a record that is damaged.
    ReadsTheDamaged,
    /// It loses the body.
    CutsBodies,
    /// Records live for twice as long.
    LivesOn,
    /// Says of each record that it lives as long as it ever did.
    ForgetsTheTime,
    /// What runs without a key is not kept.
    ForgetsTheUnguarded,
    /// It commits, and does not say so.
    LosesAnswers,
    /// Forgets to say that it has transactions.
    Hides,
}
