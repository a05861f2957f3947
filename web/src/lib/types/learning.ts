/** Runs, comparisons, teaching. */

import type { PromptMessage } from "../types";

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
