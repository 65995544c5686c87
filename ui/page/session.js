// Signing in and out.

import { Api, ApiError } from "../lib/api.js";

/** @typedef {{ token: { id: string, kind: string, tenant: string | null, name: string | null, expires_at: string | null }, ways?: string[] }} Session */

/** Signs in with a token; the server answers with a cookie that scripts cannot read.
 * @param {string} token
 * @returns {Promise<{ api: Api, session: Session | null }>} */
export async function signIn(token) {
  try {
    const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }) };
    await new Api().call("/auth/sign-in", options);
    return { api: new Api(), session: await new Api().get("/auth/session") };
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  }
  // A server without sessions: the token stays in the memory of this page, and nowhere else.
  const api = new Api({ token });
  await api.get("/v1/events", { limit: 1 });
  return { api, session: null };
}
