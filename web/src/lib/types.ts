/** What the server says and is told, as its /api routes name it. */

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

/** Where an answer is to come from: all documents, one collection, or the model's memory, labelled as such. */
export type Lookup = boolean | string;

/** A stored document. */
export interface Doc {
  id: number;
  collection: string;
  source: string;
  title: string;
  chars: number;
  chunks: number;
  pages: number | null;
  added: string;
  /** When a web page was fetched. */
  as_of: string | null;
}

/** What became of a file that was added. */
export interface DocOutcome {
  source: string;
  status: "added" | "replaced" | "unchanged";
  document: Doc;
}

/** A passage of a document's text; all of them, joined, are the text. Offsets count characters, not UTF-16 units. */
export interface DocChunk {
  number: number;
  char_start: number;
  char_end: number;
  page: number | null;
  sha256: string;
  title: string;
  text: string;
}

/** A passage that a search found; marks: matches in its text. */
export interface Passage {
  document_id: number;
  chunk_number: number;
  collection: string;
  source: string;
  title: string;
  page: number | null;
  as_of: string | null;
  char_start: number;
  char_end: number;
  sha256: string;
  score: number;
  text: string;
  marks: [number, number][];
}

export interface Citation {
  /** Of the passage, from 1. */
  number: number;
  sentence: number;
  document_id: number;
  source: string;
  title: string;
  page: number | null;
  as_of: string | null;
  char_start: number;
  char_end: number;
  quote: string;
}

/** Where an answer from documents comes from; passages: all that were found, used or not. */
export interface Sources {
  kind: "extractive" | "generative" | "none" | "memory";
  /** That the passages hold an answer, by the gate. */
  probability: number;
  sentences: { text: string; cited: number[]; is_supported: boolean }[];
  citations: Citation[];
  passages: (Passage & { number: number; is_used: boolean })[];
}

/** One place where words were read. speaker: of a chat's message, or whether a judged answer was chosen. */
export interface TraceSample {
  document: number;
  title: string;
  speaker: string;
  before: string;
  text: string;
  after: string;
}

export type TraceKind = "text" | "chats" | "preferences";

export interface TraceSpan {
  /** Tokens start to end. */
  start: number;
  end: number;
  text: string;
  count: number;
  places: { stage: string; kind: TraceKind; count: number; samples: TraceSample[] }[];
}

/** The longest parts of a text that its model has read, and the shortest that it has not. */
export interface Trace {
  model: string;
  tokens: string[];
  spans: TraceSpan[];
  unseen: { start: number; end: number; text: string }[];
  searched: { stage: string; kind: TraceKind; tokens: number; documents: number }[];
  missing: { stage: string; kind: TraceKind }[];
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

export type RunState = "running" | "done" | "stopped" | "failed" | "interrupted";

export type Row = Record<string, number | string | boolean | null>;

export interface Run {
  name: string;
  stage: string;
  command: string;
  state: RunState;
  started: string | null;
  seconds: number | null;
  fraction: number | null;
  seconds_left: number | null;
  last: Row | null;
  error: string | null;
  resumable: boolean;
}

export interface Sample {
  stage: string;
  step: number;
  prompt: string;
  text: string;
}

/** A comparison of two versions, or why there is none. */
export interface RunResult {
  wins?: number;
  ties?: number;
  losses?: number;
  n?: number;
  win_rate?: number;
  low?: number;
  high?: number;
  verdict?: string;
  /** Of a run that learned from preferences: the version it made ("" if none), the one before, whether it was promoted, and why. */
  stage?: string;
  before?: string;
  promoted?: boolean;
  /** Of `compare`: the two stages, NAME/STAGE. */
  a?: string;
  b?: string;
  reason?: string;
}

export interface RunDetail extends Run {
  rows: Record<string, Row[]>;
  samples: Sample[];
  log: string[] | string;
  result?: RunResult | null;
}

export interface RunOptions {
  replace?: boolean;
  minutes?: number;
  text?: string[];
  chats?: string[];
  preferences?: string[];
  method?: string;
  /** Rank of an adapter; 0 trains all weights. */
  lora?: number;
  stage?: string;
  against?: string;
}

export interface Teach {
  name: string;
  stage: string;
  judged: number;
  decided: number;
  needed: number;
  verdicts: Record<string, number>;
  ties: number;
  usable: number;
  reasons: string[];
  annotator: string;
  tastes: { feature: string; sentence: string }[];
}

/** Whether a model can be taught live, whether that is on unless one says otherwise, and how many choices its lesson holds. */
export interface LiveOffer {
  is_available: boolean;
  is_default: boolean;
  reason: string;
  choices: number;
}

export interface LiveState {
  stage: string; // at which the lesson began
  choices: number;
  undo: number;
  redo: number;
  check: { sentence: string; is_harmed: boolean };
}

export interface LiveSide {
  text: string;
  before: number;
  after: number;
}

/** What one choice, undo or redo changed. */
export interface LiveStep extends LiveState {
  outcome: string;
  prompt: PromptMessage[];
  answer: string;
  seconds: number;
  probabilities: { chosen: LiveSide; rejected: LiveSide };
}

export interface Pair {
  pair_id: string;
  prompt: PromptMessage[];
  left: string;
  right: string;
}

/** One's own choices between two stages; a tie is half a win. */
export interface Tally {
  stage: string;
  over: string;
  wins: number;
  losses: number;
  ties: number;
  win_rate: number | null;
  low: number;
  high: number;
}

export type PairVerdict = "left" | "right" | "tie" | "both_bad" | "skip";

export interface Judged {
  saved: boolean;
  decided: number;
  needed: number;
  sides: { left: string; right: string } | null; // null for a pair that was skipped
  /** Of a live lesson only: what it learned, or why it did not. */
  live?: LiveStep | null;
  not_learned?: string;
}

/** What is to be written. */
export interface Brief {
  topic: string;
  form: string;
  length: string;
  ending: string;
  words: string[];
}

export interface WrittenOutline {
  model: string;
  outline: string[];
  by: "model" | "program" | "person" | "none";
  /** Who wrote the outline, or why there is none. */
  note: string;
  is_small: boolean;
  parts: number;
  asked_words: [number, number];
  has_reward: boolean;
  seed: number;
}

/** A paragraph that the model proposes. */
export interface Candidate {
  text: string;
  /** Mean log-probability per token under the prompt, in nats. */
  logprob: number;
  reward?: number;
  words: number;
  /** Share of its sequences of four words that occurred before. */
  repetition: number;
  /** The words that it should contain and does. */
  used: string[];
  /** The model ended the text with it. */
  is_last: boolean;
}

export interface TextMeasures {
  words: number;
  repetition: number;
  used: string[];
  missing: string[];
  /** Words of each paragraph. */
  paragraphs: number[];
}
