// An aid for working on the pages: their files as they are on the disk, everything else from a server, so that nothing is
// compiled between two looks. `DEEDBOOK_PAGES_FROM_DISK=1` turns it on; what is landed is tested without it.

import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";

const UI = fileURLToPath(new URL("..", import.meta.url));
const TYPES = { ".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8", ".svg": "image/svg+xml" };
const PAGES = new Set(["/", "/entry", "/object", "/person", "/overview", "/settings", "/settings/retention", "/settings/holds", "/settings/erasures"]);

/** Serves the pages of `server` from the disk; its address. */
export async function fromDisk(server) {
  const { headers } = await fetch(server);
  const policy = headers.get("content-security-policy");
  const proxy = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, server);
    if (!PAGES.has(pathname) && !pathname.startsWith("/ui/")) return forward(server, request, response);
    const file = PAGES.has(pathname) ? path.join(UI, "index.html") : path.join(UI, pathname.slice(4));
    if (!file.startsWith(UI) || !fs.existsSync(file)) return response.writeHead(404).end();
    const fixed = PAGES.has(pathname) ? { "content-security-policy": policy } : {};
    response.writeHead(200, { "content-type": TYPES[path.extname(file)] ?? "text/plain", "cache-control": "no-store", "access-control-allow-origin": "*", ...fixed });
    response.end(fs.readFileSync(file));
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  proxy.unref();
  return `http://127.0.0.1:${proxy.address().port}`;
}

function forward(server, request, response) {
  const further = http.request(server + request.url, { method: request.method, headers: request.headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  further.on("error", () => response.destroy());
  response.on("close", () => further.destroy());
  request.pipe(further);
}
