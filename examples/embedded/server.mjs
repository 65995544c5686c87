// A product in small: a page with the audit log of one project in it, and a server that knows who is signed in.
//
// The secret token stays here. The page gets the token of a viewer session: of one project, for fifteen minutes.

import fs from "node:fs";
import http from "node:http";

const DEEDBOOK = process.env.DEEDBOOK_SERVER ?? "http://127.0.0.1:7400";
const TOKEN = process.env.DEEDBOOK_READ_TOKEN;
const PORT = Number(process.env.PORT ?? 7500);
const MINUTES = process.env.SESSION_MINUTES ?? "15";

/** What the product's own sign-in would tell: who this is, and which labels of the project are theirs. */
const ADA = { name: "Ada Lovelace", project: "prj_1", labels: ["owners"] };

/** Scripts come from the product and from Deedbook, requests go to both, and nowhere else. */
const POLICY = `default-src 'none'; script-src 'self' ${DEEDBOOK}; style-src 'self'; connect-src 'self' ${DEEDBOOK}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const FILES = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/page.js": ["page.js", "text/javascript; charset=utf-8"],
  "/page.css": ["page.css", "text/css; charset=utf-8"],
};

/** Asks Deedbook, in the name of the product. */
async function deedbook(path, body) {
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const response = await fetch(DEEDBOOK + path, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path}: ${answer.code}: ${answer.detail}`);
  return answer;
}

/** A session that sees what happened to the project, as far as it is for holders of these labels. */
function begin({ name, project, labels }) {
  return deedbook("/v1/viewer-sessions", {
    preset: "target",
    scope: { targets: [`project:${project}`], audience: labels },
    capabilities: ["view", "export"],
    expires_in: `${MINUTES}m`,
    name,
  });
}

/** Sessions that were begun here: nobody renews one of somebody else. */
const begun = new Map();

const ACTIONS = {
  /** The page gets a code, which is good for one use; the token goes from Deedbook to the page and nowhere else. */
  async "/audit/session"() {
    const session = await begin(ADA);
    begun.set(session.id, ADA);
    const { code } = await deedbook(`/v1/viewer-sessions/${session.id}/code`, {});
    return { server: DEEDBOOK, code };
  },
  /** Who is still signed in here may look on. */
  async "/audit/renew"({ id }) {
    if (begun.get(id) !== ADA) throw new Error("this session was not begun here");
    const { expires_at } = await deedbook(`/v1/viewer-sessions/${id}/renew`, { expires_in: `${MINUTES}m` });
    return { expires_at };
  },
};

async function body(request) {
  let text = "";
  for await (const part of request) text += part;
  return text ? JSON.parse(text) : {};
}

async function answer(request, response) {
  const file = FILES[request.url];
  if (request.method === "GET" && file) {
    response.writeHead(200, { "content-type": file[1], "content-security-policy": POLICY });
    return response.end(fs.readFileSync(new URL(file[0], import.meta.url)));
  }
  const action = request.method === "POST" ? ACTIONS[request.url] : undefined;
  // A real product asks here who is signed in. No other site may ask in their name.
  if (!action || request.headers["sec-fetch-site"] !== "same-origin") return response.writeHead(404).end();
  const answered = await action(await body(request));
  response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(answered));
}

if (!TOKEN) throw new Error("set DEEDBOOK_READ_TOKEN to a token of the kind `read`");
const server = http.createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(error.message);
    response.writeHead(502).end();
  });
});
server.listen(PORT, "127.0.0.1", () => console.log(`The product is at http://127.0.0.1:${server.address().port}`));
