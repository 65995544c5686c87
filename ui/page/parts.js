// What several pages share: their frame, how they fail, a table of counts.

import { css, html, nothing } from "../lib/element.js";
import { icon } from "../lib/icons.js";

/** @param {import("../lib/api.js").ApiError} failure
 * @param {import("../lib/texts.js").Words} words
 * @param {() => void} again */
export function failureView(failure, words, again) {
  const isOffline = failure.status === 0;
  return html`<div class="state" role="alert">${icon(isOffline ? "offline" : "failure")}
    <h1>${words.say(isOffline ? "offline.title" : "error.title")}</h1><p>${isOffline ? words.say("offline.text") : failure.message}</p>
    ${failure.requestId ? html`<p class="mono">${words.say("error.request", { id: failure.requestId })}</p>` : nothing}
    <button @click=${again}>${words.say("error.again")}</button></div>`;
}

export const pageStyle = css`
  :host { display: block; }
  .page { max-inline-size: 84rem; margin-inline: auto; padding: 1.5rem 1.25rem 4rem; }
  .page > header { display: grid; gap: 0.25rem; margin-block-end: 1.25rem; }
  h1 { overflow-wrap: anywhere; }
`;
