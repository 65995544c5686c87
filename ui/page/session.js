// Signing in with a token. The server answers with a cookie that scripts cannot read; the token itself is kept nowhere.

import { Api } from "../lib/api.js";

/** @typedef {{ token: { id: string, kind: string, tenant: string | null, name: string | null, expires_at: string | null } | null, ways: string[] }} Session */

/** Who is signed in, and how one can sign in here.
 * @returns {Promise<Session>} */
export function session() {
  return new Api().get("/auth/session");
}

/** @param {string} token */
export async function signIn(token) {
  const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }) };
  await new Api().call("/auth/sign-in", options);
  return session();
}

export async function signOut() {
  await new Api().call("/auth/sign-out", { method: "POST" });
}
