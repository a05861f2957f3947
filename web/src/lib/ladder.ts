/** The server's routes under /api/ladder, and what they answer. */
import { get, post } from "./api";

export type Genre = "r&b" | "reggaeton";

export interface Song {
  name: string;
  artist: string;
  tempo: number;
  energy: number;
  genre: Genre;
}

export interface Figure {
  rate: number;
  low: number;
  high: number;
  n: number;
}

export interface Figures {
  accuracy: Figure;
}

export interface Frame {
  x: [number, number];
  y: [number, number];
}

/** Probabilities of the second class over the frame, from the bottom row up. */
export interface Plane {
  frame: Frame;
  grid: number[][];
}

export interface Line extends Plane {
  classes: [string, string];
  counts: Record<string, number>;
  line: { weights: number[]; bias: number; equation: string; height: string };
  measured: { folds: number; majority: Figures; line: Figures };
  new: { probability: number; class: string }[];
}

export type Xy = [number, number];
export type SetName = "songs" | "moons" | "spiral";

export interface Network extends Plane {
  classes: [string, string];
  features: [string, string];
  points: Xy[];
  labels: number[];
  layers: number;
  width: number;
  parameters: number;
  right: number;
  curve: { step: number; loss: number }[];
  bent: { mesh: Xy[][]; points: Xy[] } | null;
}

export interface Unseen {
  folds: number;
  line: Figures;
  network: Figures;
}

export interface MapWord {
  word: string;
  weight: number;
  x: number;
  y: number;
}

export interface Lesson {
  state: "learning" | "ready" | "failed";
  says: string;
  seconds: number;
  classes?: [string, string];
  vocabulary?: number;
  dimensions?: number;
  sentences?: number;
  measured?: Figures & { with_not: Figure; without_not: Figure };
  maps?: { title: string; words: MapWord[] }[];
}

export interface Verdict {
  text: string;
  probability: number;
  class: string;
  start: number;
  words: { word: string; push: number }[];
  unknown: string[];
}

export interface Near {
  word: string;
  cosine: number;
}

export interface Neighbours {
  word: string;
  weight: number;
  now: Near[];
  before: Near[];
}

interface Set {
  set: SetName;
  rows: Song[];
  layers: number;
  width: number;
}

const row = ({ tempo, energy, genre }: Song) => ({ tempo, energy, genre });
/** The sets other than the songs need no rows. */
const asked = ({ set, rows, layers, width }: Set) => ({ set, rows: set === "songs" ? rows.map(row) : [], layers, width });

export const ladder = {
  songs: () => get<{ songs: Song[]; max_rows: number; max_layers: number; max_width: number }>("/api/ladder/songs"),
  line: (rows: Song[], at: { tempo: number; energy: number }, signal?: AbortSignal) =>
    post<Line>("/api/ladder/line", { rows: rows.map(row), new: at }, signal),
  network: (of: Set, signal?: AbortSignal) => post<Network>("/api/ladder/network", asked(of), signal),
  unseen: (of: Set, signal?: AbortSignal) => post<Unseen>("/api/ladder/network/unseen", asked(of), signal),
  lesson: (signal?: AbortSignal) => get<Lesson>("/api/ladder/sentiment", signal),
  verdict: (text: string, signal?: AbortSignal) => post<Verdict>("/api/ladder/sentiment", { text }, signal),
  neighbours: (word: string, signal?: AbortSignal) => post<Neighbours>("/api/ladder/neighbours", { word }, signal),
};
