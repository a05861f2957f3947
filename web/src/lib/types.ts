/** What the server says and is told, as its /api routes name it. */

import type { Lookup, Sources } from "./types/documents";

export * from "./types/documents";
export * from "./types/learning";
export * from "./types/writing";

export interface State {
  version: string;
  user: string;
  needs_key: boolean;
  keyed_in: boolean;
  has_models: boolean;
  default_model: string | null;
  cores: number;
  public: boolean;
  /** The fewest minutes worth offering on this machine. */
  least_minutes?: number;
  /** The folder of all models, for whoever sits at the machine. */
  home?: string;
}

/** Something in the trash. */
export interface Thrown {
  id: string;
  ref: string;
  name: string;
  stage: string;
  why: string;
  bytes: number;
}

export interface Uploaded {
  path: string;
  name: string;
  bytes: number;
}

/** A likely token: its id, its text, its log-probability (natural; null is minus infinity). */
export type Top = [id: number, text: string, logprob: number | null];

export interface Token {
  id: number;
  text: string;
  /** null: not known, or minus infinity. */
  logprob: number | null;
  /** 1 is the likeliest. */
  rank: number | null;
  /** In bits. */
  entropy: number | null;
  top: Top[];
  /** Log-probability that rules took at this token, in nats; only where an answer had to obey some. */
  lost?: number | null;
}

/** What an answer has to obey; an empty text is no rule. */
export interface Rules {
  only_words_with?: string;
  without_letter?: string;
  words?: string;
  rhyme_with?: string;
  choice?: string | string[];
  regex?: string;
  json_schema?: string;
}

export interface Params {
  temperature: number;
  top_p: number;
  top_k: number;
  min_p: number;
  repetition_penalty: number;
  max_tokens: number;
  seed?: number | null;
  rules?: Rules;
  /** Names of the built-in tools that the model may call. */
  tools?: string[];
}

export type Verdict = "up" | "down";

export interface Rating {
  verdict: Verdict;
  reasons: string[];
}

export interface Message {
  id: string;
  parent_id: string | null;
  role: "system" | "user" | "assistant" | "tool";
  content: string;
  status: "done" | "streaming" | "stopped" | "interrupted" | "error";
  error?: string | { message: string } | null;
  model: string | null;
  stage_hash: string | null;
  params: (Partial<Params> & { documents?: Lookup }) | null;
  finish_reason: string | null;
  tokens: Token[] | null;
  /** Of an answer that was looked up in documents. */
  sources: Sources | null;
  rating: Rating | null;
  created: string;
}

/** The next prompt of a chat. */
export interface Reading {
  /** Its tokens. */
  count: number;
  /** Tokens that prompt and answer may take together. */
  max_model_len: number;
  /** Tokens by which the newest message alone is too long. */
  over: number;
  /** Ids of the messages that the model does not read. */
  left_out: string[];
}

export interface ChatHead {
  id: string;
  title: string;
  model: string | null;
  created: string;
  updated: string;
  snippet?: string;
}

export interface Chat extends ChatHead {
  active: string | null;
  system?: string | null;
}

export interface Stage {
  ref: string;
  stage: string;
  form: "text" | "chat";
  hash: string;
  params: number;
  layers: number;
  hidden: number;
  vocab: number;
  context: number;
  bytes: number;
  created: string;
  /** Prompts that it handled when it was trained: texts to continue, and messages to answer. */
  examples: { next: string[]; chat: string[] };
  /** How chats with it are sampled unless one says otherwise. */
  sampling: { temperature: number; top_p: number };
  metrics: Record<string, unknown>;
  /** Zero-shot tasks, with what this stage changed; empty until `firstwords eval --tasks --save` has measured some. */
  tasks: StageTask[];
  parent: string | null;
}

export interface StageTask {
  title: string;
  metric: string;
  chance: number | null;
  rate: number;
  low: number;
  high: number;
  n: number;
  change: { over: string; rate: number; low: number; high: number } | null;
}

export interface Model {
  name: string;
  promoted: string;
  /** The stage that rolling back would return to, if there is one. */
  rollback: string | null;
  trained_at: string;
  knows_world: boolean; // trained on the built-in world, about which the exam and the comparison ask
  stages: Stage[];
}

/** A model whose name means another stage than it `was`. */
export interface Changed extends Model {
  was: string;
}

export interface NextToken {
  id: number;
  text: string;
  probability: number;
  logprob: number;
  /** Probability after the sampler's stages; 0 where it was cut. */
  after: number;
}

export interface Next {
  model: string;
  ids: number[];
  tokens: NextToken[];
  rest: number;
  rest_tokens: number;
  entropy: number;
}

export interface InsideToken {
  id: number;
  text: string;
  is_special: boolean;
  is_prompt: boolean;
  logprob: number | null;
  rank: number | null;
  entropy: number | null;
  top: Top[];
  rest: number | null;
}

export interface Inside {
  model: string;
  form: "text" | "chat";
  tokens: InsideToken[];
  layers: number;
  heads: number;
  truncated: boolean;
}

/** heads[h][t] is the row of head h at place t: how much it looks at each place before; sums to 1. */
export interface Attention {
  layer: number;
  heads: number[][][];
  ids: number[];
}

export interface LensPlace {
  top: [id: number, text: string, probability: number][];
  rank_of_next: number | null;
  probability_of_next: number | null;
}

export interface Lens {
  layers: { layer: number; places: LensPlace[] }[];
}

export type ShiftKind = "same" | "near" | "shifted";

export interface StageAnswer {
  ref: string;
  form: "text" | "chat";
  text: string;
  ids: number[];
  tokens: Token[];
  finish_reason: string | null;
}

export interface ShiftToken {
  id: number;
  text: string;
  stages: Record<string, { probability: number; rank: number; kind: ShiftKind }>;
}

export interface Stages {
  stages: StageAnswer[];
  shift: { of: string; tokens: ShiftToken[] } | null;
}

export interface StagePair {
  prompt: PromptMessage[] | string;
  chosen: string;
  rejected: string;
  stages: Record<string, { chosen: number; rejected: number }>;
}

export interface PromptMessage {
  role: string;
  content: string;
}
