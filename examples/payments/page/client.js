// A client whose retries are safe: one payment has one key, and every attempt is sent with it.

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 4000;
const MOST_TRIES = 12;
const PATIENCE = 10_000;
// With a slow provider, the client is a hasty one.
const LITTLE_PATIENCE = 1000;
// So that a person can see one after the other.
const BETWEEN_RETRIES = 120;

const LOST_ANSWERS = 2;
export const AMOUNT = 1250;
const OTHER_AMOUNT = 9999;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const random = (bytes) => [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export class Payment {
  order = `A-${random(2)}`;
  key = random(16);
  attempts = [];
  #plan;
  #changed;

  // `plan`: how many retries there are to be, and what goes wrong. `changed` is called with every attempt that has changed.
  constructor(plan, changed) {
    this.#plan = plan;
    this.#changed = changed;
  }

  // Sends it until there is an answer, and then the retries that nobody needs. True if it is paid.
  async pay() {
    const plan = this.#plan;
    const clicks = plan.doubleClick ? [this.click(), this.click()] : [this.click()];
    let paid = (await Promise.all(clicks)).every((answered) => answered);
    const planned = 1 + Math.max(plan.retries, plan.changeAmount ? 1 : 0);
    while (paid && this.attempts.length < planned) {
      await pause(BETWEEN_RETRIES);
      paid = await this.click();
    }
    return paid;
  }

  // One click on the button: attempts until the answer is final. Waits longer each time, and as long as the server says.
  async click() {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const attempt = await this.#attempt();
      if (["executed", "replayed"].includes(attempt.outcome)) return true;
      if (attempt.outcome === "refused" && attempt.status !== 409) return false;
      const backoff = Math.min(FIRST_PAUSE * 2 ** tries, LONGEST_PAUSE) * (0.5 + Math.random() / 2);
      await pause(attempt.retryAfter ?? backoff);
    }
    return false;
  }

  async #attempt() {
    const number = this.attempts.length + 1;
    const amount = this.#plan.changeAmount && number > 1 ? OTHER_AMOUNT : AMOUNT;
    const attempt = { number, amount, outcome: "sent" };
    this.attempts.push(attempt);
    this.#changed(attempt);
    try {
      const response = await fetch("/v1/payments", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Idempotency-Key": this.key, ...this.#faults(number) },
        body: JSON.stringify({ order: this.order, amount }),
        signal: AbortSignal.timeout(this.#plan.slowProvider ? LITTLE_PATIENCE : PATIENCE),
      });
      const answer = await response.json();
      attempt.status = response.status;
      attempt.code = answer.code;
      if (response.headers.has("Retry-After")) attempt.retryAfter = 1000 * response.headers.get("Retry-After");
      const replayed = response.headers.has("Idempotency-Replayed");
      attempt.outcome = replayed ? "replayed" : response.ok ? "executed" : response.status < 500 ? "refused" : "failed";
    } catch (error) {
      attempt.outcome = error.name === "TimeoutError" ? "hung up" : "lost";
    }
    this.#changed(attempt);
    return attempt;
  }

  // What the server is asked to do wrong with this attempt.
  #faults(number) {
    const plan = this.#plan;
    const faults = {};
    if (plan.serverError && number === 1) faults["Demo-Provider"] = "failing";
    else if (plan.slowProvider) faults["Demo-Provider"] = "slow";
    if (plan.loseAnswer && number <= LOST_ANSWERS) faults["Demo-Lose-Answer"] = `${this.key}-${number}`;
    return faults;
  }
}
