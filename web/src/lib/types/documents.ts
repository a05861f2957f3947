/** Documents, what is found in them, and where words come from in training text. */

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

/** A part of a document. */
interface Place {
  document_id: number;
  source: string;
  title: string;
  page: number | null;
  as_of: string | null;
  char_start: number;
  char_end: number;
}

/** A passage that a search found; marks: matches in its text. */
export interface Passage extends Place {
  chunk_number: number;
  collection: string;
  sha256: string;
  score: number;
  text: string;
  marks: [number, number][];
}

export interface Citation extends Place {
  /** Of the passage, from 1. */
  number: number;
  sentence: number;
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
