// Draws what the client sees and what the server says, and does nothing else.

import { AMOUNT, Payment } from "./client.js";

const find = (selector, inside = document) => inside.querySelector(selector);
const copy = (template) => find(`#${template}`).content.cloneNode(true).firstElementChild;
const money = (cents) => (cents === undefined ? "" : `€${(cents / 100).toFixed(2)}`);
const shortly = (key) => key.slice(0, 8);
const many = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;

const happened = {
  sent: () => "sent …",
  executed: () => "Executed",
  replayed: () => "Replayed",
  lost: () => "No answer: the line was cut",
  "hung up": () => "No answer in time: hung up",
  failed: () => "Failed, nothing is recorded",
  refused: ({ code, amount }) =>
    code === "in_progress" ? "Refused: still in progress"
    : code === "key_reused" ? `Refused: ${money(amount)} is another request`
    : "Refused",
};

const cards = new Map();
// The charges of each order. They stay, also when the server has been started again and counts anew.
const charged = new Map();
let running = null;

function say(text) {
  find("#status").textContent = text;
}

function judge(order) {
  const { card, payment } = cards.get(order);
  const charges = charged.get(order)?.size ?? 0;
  find(".verdict", card).textContent = `${many(payment.attempts.length, "request")}, ${many(charges, "charge")}`;
}

function open(payment) {
  const card = copy("payment");
  find(".order", card).textContent = payment.order;
  find(".one-key .key", card).textContent = shortly(payment.key);
  cards.set(payment.order, { card, payment });
  find("#payments").prepend(card);
  judge(payment.order);
}

function draw(payment, attempt) {
  const { card } = cards.get(payment.order);
  const rows = find("tbody", card);
  const row = rows.rows[attempt.number - 1] ?? rows.appendChild(copy("attempt"));
  const dots = find(".dots", card);
  const dot = dots.children[attempt.number - 1] ?? dots.appendChild(document.createElement("i"));
  row.dataset.outcome = dot.dataset.outcome = attempt.outcome;
  find(".number", row).textContent = attempt.number;
  find(".key", row).textContent = shortly(payment.key);
  find(".code", row).textContent = attempt.status ?? "–";
  find(".happened", row).textContent = happened[attempt.outcome](attempt);
  row.title = attempt.code ?? "";
  judge(payment.order);
  const waits = ["lost", "hung up", "failed"].includes(attempt.outcome) || attempt.status === 409;
  if (waits) say(`${payment.order}, attempt ${attempt.number}: ${happened[attempt.outcome](attempt)}. Trying again.`);
}

async function pay() {
  const plan = { retries: find("#retries").valueAsNumber };
  for (const fault of document.querySelectorAll("#faults input")) plan[fault.name] = fault.checked && !fault.matches(":disabled");
  const payment = new Payment(plan, (attempt) => draw(payment, attempt));
  running = payment;
  open(payment);
  say(`Paying ${money(AMOUNT)} for ${payment.order} …`);
  const paid = await payment.pay();
  running = null;
  const why = payment.attempts.at(-1).code === "key_reused" ? "the other amount was refused" : "no answer";
  say(`${payment.order} is done: ${many(payment.attempts.length, "request")}${paid ? "" : `, ${why}`}.`);
}

find("#checkout").addEventListener("submit", (event) => {
  event.preventDefault();
  // An impatient second click belongs to the same payment, and has its key.
  if (running) running.click();
  else pay();
});

function show({ charges, faults, ...totals }) {
  for (const [total, number] of Object.entries(totals)) find(`[data-total="${total}"]`).textContent = number;
  find("#faults").disabled = !faults;
  find("#no-faults").hidden = faults;

  for (const { id, order } of charges) charged.set(order, (charged.get(order) ?? new Set()).add(id));
  for (const order of cards.keys()) judge(order);

  const list = find("#charges");
  for (const { id, order, amount } of charges.toReversed()) {
    const name = `${id} ${order}`;
    if ([...list.children].some((item) => item.dataset.name === name)) continue;
    const item = copy("charge");
    item.dataset.name = name;
    find(".id", item).textContent = `No. ${id}`;
    find(".order", item).textContent = order;
    find(".money", item).textContent = money(amount);
    list.prepend(item);
  }
  while (list.children.length > charges.length) list.lastElementChild.remove();
}

const live = new EventSource("/demo/live");
live.addEventListener("open", () => say("Ready."));
live.addEventListener("message", ({ data }) => show(JSON.parse(data)));
live.addEventListener("error", () => say("The server does not answer. Start it again, and this page goes on."));
