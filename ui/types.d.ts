// What the API answers, as far as the interface reads it. For the check of types alone; not served.

export interface Actor {
  type: string;
  id?: string;
  name?: string;
  email?: string;
  metadata?: Record<string, unknown>;
  on_behalf_of?: Actor;
}

export interface Target {
  type: string;
  id: string;
  name?: string;
  href?: string;
  role?: string;
  metadata?: Record<string, unknown>;
}

export interface Change {
  path: string;
  from?: unknown;
  to?: unknown;
  redacted?: boolean;
}

export interface Entry {
  id: string;
  tenant: string;
  action: string;
  actor: Actor;
  recorded_at: string;
  seq?: number;
  position?: number;
  leaf_hash?: string;
  occurred_at?: string;
  outcome?: string;
  category?: string;
  schema?: string;
  targets?: Target[];
  changes?: Change[];
  context?: Record<string, any>;
  reason?: string;
  error?: { code?: string; message?: string };
  correlation_id?: string;
  transaction_id?: string;
  source?: { service?: string; version?: string; environment?: string };
  audience?: string[];
  description?: string;
  metadata?: Record<string, unknown>;
  effect?: string;
}

export interface Page {
  data: Entry[];
  next: string | null;
  prev: string | null;
  has_more: boolean;
  /** Some of it was read from the archive. */
  archived?: boolean;
}

export interface FacetValue {
  value: string;
  count: number;
}

export type Facets = Record<string, { values: FacetValue[]; has_more: boolean }>;

/** By days: `day`; by hours: `hour`. */
export interface Bucket {
  day?: string;
  hour?: string;
  count: number;
}

export interface Problem {
  status: number;
  code: string;
  detail: string;
  title?: string;
  request_id?: string;
  position?: number;
  errors?: { pointer: string; code: string; detail: string }[];
}

export type Texts = Record<string, string>;

/** Where links lead; null where there is no page for it. */
export interface Places {
  entry(entry: Entry): string | null;
  object(target: string, tenant?: string): string | null;
  person(actor: string, tenant?: string): string | null;
}
