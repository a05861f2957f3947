/** Stories and essays. */

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
