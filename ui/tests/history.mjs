// A small made-up company, always the same, whose last day is today: invoices, sign-ins, one large transaction.

const PEOPLE = [["ada", "Ada Lovelace"], ["grace", "Grace Hopper"], ["eve", "Eve Polastri"], ["linus", "Linus Pauling"], ["noor", "Noor Inayat"]];
const NEXT = { draft: "open", open: "approved", approved: "paid" };
const ACTIONS = { open: "invoice.sent", approved: "invoice.approved", paid: "invoice.paid" };

/** Numbers that look like chance and are the same each time. */
function chance(seed) {
  let state = seed;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

/** Events, oldest first. */
export function company(now = new Date()) {
  const next = chance(7);
  const events = [];
  const at = (minutesAgo) => new Date(now.getTime() - minutesAgo * 60000).toISOString();
  const person = () => PEOPLE[next(PEOPLE.length)];
  const actor = ([id, name]) => ({ type: "user", id, name });
  const from = () => ({ ip: `203.0.113.${1 + next(20)}`, request_id: `req_${events.length}`, user_agent: "Mozilla/5.0 (X11; Linux x86_64)" });
  const add = (minutesAgo, event) => events.push({ id: `evt_${events.length}`, occurred_at: at(minutesAgo), source: { service: "billing", version: "2026.9.3", environment: "production" }, ...event });
  for (let number = 1; number <= 24; number += 1) {
    let minutes = 60 * 24 * 30 - next(60 * 24 * 20);
    const targets = [{ type: "invoice", id: String(number), name: `Invoice ${number}`, href: `https://billing.example/invoices/${number}` }];
    add(minutes, { action: "invoice.created", actor: actor(person()), targets, context: from(), category: "project", changes: [
      { path: "/state", to: "draft" }, { path: "/amount", to: 40 + next(9000) }, { path: "/note", to: "Please pay until Monday" }, { path: "/address", to: { city: "Paris", zip: "75001" } }] });
    for (let state = "draft"; NEXT[state] && minutes > 3000; state = NEXT[state]) {
      minutes -= 60 + next(1800);
      const outcome = ["success", "success", "success", "success", "denied", "success", "failure"][next(7)];
      const to = NEXT[state];
      const error = { denied: { code: "limit_exceeded", message: "The approval limit of this role is 5,000 EUR" }, failure: { code: "timeout", message: "The ledger did not answer within 5 s" } }[outcome];
      add(minutes, { action: ACTIONS[to], actor: actor(person()), targets: to === "open" ? [...targets, { type: "customer", id: "acme", name: "ACME Ltd", role: "recipient" }] : targets, context: from(), category: "project", outcome, ...(error && { error }), ...(to === "approved" && { reason: "Customer asked, ticket T-5" }), changes: [{ path: "/state", from: state, to }] });
      if (outcome !== "success") break;
    }
    if (number % 3 === 0) {
      const behind = person();
      add(2000 - number, { action: "invoice.corrected", actor: { type: "agent", id: "agent_1", name: "contract-bot", metadata: { model: "m-2", tool: "correct_invoice" }, on_behalf_of: actor(behind) }, targets, context: from(), category: "project",
        description: `contract-bot corrected Invoice ${number} on behalf of ${behind[1]}`, metadata: { score: 0.93, steps: [{ tool: "read", rows: 1 }, { tool: "write", rows: 2 }], dry_run: false },
        changes: [{ path: "/note", from: "Please pay until Monday", to: "Please pay until Friday, or tell us why" }, { path: "/address/city", from: "Paris", to: "Lyon" }, { path: "/iban", redacted: true }] });
    }
  }
  for (let number = 0; number < 40; number += 1) {
    const who = person();
    add(90 + next(60 * 24 * 25), { action: "user.signed_in", actor: actor(who), targets: [{ type: "user", id: who[0], name: who[1] }], category: "account", outcome: next(9) ? "success" : "denied", context: { ...from(), auth: { method: "saml", mfa: "webauthn" } } });
  }
  for (let number = 1; number <= 120; number += 1) {
    add(60, { action: "price.changed", actor: actor(PEOPLE[1]), targets: [{ type: "price", id: `p${number}`, name: `Plan ${number}` }], transaction_id: "tx_7781", context: from(), changes: [{ path: "/amount", from: number, to: number + 5 }] });
  }
  add(20, { action: "invoice.approved", actor: actor(PEOPLE[0]), targets: [{ type: "invoice", id: "24", name: "Invoice 24" }], context: from(), category: "project", reason: "Customer asked, ticket T-5", changes: [{ path: "/state", from: "open", to: "approved" }] });
  return events.sort((a, b) => a.occurred_at.localeCompare(b.occurred_at) || a.id.localeCompare(b.id));
}
