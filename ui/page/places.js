// The pages that things have.

/** @param {string} path
 * @param {Record<string, string | null | undefined>} parameters */
function address(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value);
  return `${path}?${new URLSearchParams(/** @type {[string, string][]} */ (given))}`;
}

/** The pages of a server. @type {import("../types.js").Places} */
export const PAGES = {
  entry: (entry) => address("/entry", { id: entry.id, tenant: entry.tenant === "default" ? null : entry.tenant }),
  object: (target, tenant) => address("/object", { target, tenant: tenant === "default" ? null : tenant }),
  person: (id, tenant) => address("/person", { id, tenant: tenant === "default" ? null : tenant }),
};
