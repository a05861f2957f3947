/** The text of the Write view: kept in this browser, and written on while one looks at other views. */
import { api } from "../lib/api";
import { Kept } from "../lib/kept.svelte";
import { read } from "../lib/sse";
import type { Brief, Candidate, WrittenOutline } from "../lib/types";
import { app } from "./app.svelte";
import { status } from "./status.svelte";

export interface Paragraph {
  text: string;
  candidates: Candidate[];
  /** The candidate that is shown; -1: the person has written it. */
  chosen: number;
}

export interface Written {
  brief: Brief;
  plan: WrittenOutline;
  paragraphs: Paragraph[];
}

export interface How {
  outline: "auto" | "model" | "program" | "none";
  best: number;
  by: "model" | "reward";
}

const EMPTY: Brief = { topic: "", form: "story", length: "short", ending: "", words: [] };
const MAX_PARAGRAPHS = 24; // as the server has it

class Writing {
  private asked = new Kept<Brief>("write:brief", EMPTY);
  private method = new Kept<How>("write:how", { outline: "auto", best: 4, by: "model" });
  private written = new Kept<Written | null>("write:text", null);
  /** The paragraph that is being written, and its candidates so far. */
  live = $state<{ place: number; texts: string[] } | null>(null);
  isPlanning = $state(false);
  private running = $state.raw<AbortController | null>(null);

  readonly isBusy = $derived(this.running !== null);

  get brief(): Brief {
    return this.asked.value;
  }

  set brief(brief: Brief) {
    this.asked.value = brief;
  }

  get how(): How {
    return this.method.value;
  }

  set how(how: How) {
    this.method.value = how;
  }

  get text(): Written | null {
    return this.written.value;
  }

  set text(text: Written | null) {
    this.written.value = text;
  }

  get plain(): string {
    return (this.text?.paragraphs ?? []).map((paragraph) => paragraph.text).join("\n\n");
  }

  /** An outline, then every paragraph. The text before can be brought back. */
  async write(): Promise<void> {
    const [before, brief] = [this.text, { ...this.brief, topic: this.brief.topic.trim(), ending: this.brief.form === "story" ? this.brief.ending : "" }];
    await this.run(async (signal) => {
      this.isPlanning = true;
      status.quiet("Making an outline");
      const plan = await api.writeOutline(app.model, brief, this.how.outline, signal);
      this.isPlanning = false;
      this.text = { brief, plan, paragraphs: [] };
      if (before?.paragraphs.length) this.offerBack(before, "A new text is being written.");
      await this.rest(signal);
    });
  }

  /** The paragraphs that are missing. */
  async resume(): Promise<void> {
    await this.run((signal) => this.rest(signal));
  }

  /** One paragraph more than there is. */
  async more(): Promise<void> {
    await this.run(async (signal) => void (await this.paragraph(this.text!.paragraphs.length, signal)));
  }

  /** One paragraph again; the others stay. */
  async again(place: number): Promise<void> {
    await this.run(async (signal) => void (await this.paragraph(place, signal)));
  }

  stop(): void {
    this.running?.abort();
  }

  /** All paragraphs again, for an outline that a person has written. */
  async fromOutline(outline: string[]): Promise<void> {
    await this.from(0, { ...this.text!.plan, outline, by: "person", note: "outline by you", parts: outline.length });
  }

  change(place: number, to: Partial<Paragraph>): void {
    const text = this.text!;
    this.text = { ...text, paragraphs: text.paragraphs.map((each, at) => (at === place ? { ...each, ...to } : each)) };
    const later = text.paragraphs.length - place - 1;
    if (later > 0) status.note("The paragraphs after it may no longer fit.", { label: "Write them again", act: () => this.from(place + 1) });
  }

  /** The paragraphs from a place on again. The text before, with its outline, can be brought back. */
  private async from(place: number, plan = this.text?.plan): Promise<void> {
    const before = this.text;
    if (!before || !plan || this.isBusy) return;
    this.text = { ...before, plan, paragraphs: before.paragraphs.slice(0, place) };
    this.offerBack(before, "The text is being written again.");
    await this.resume();
  }

  remove(place: number): void {
    const text = this.text!;
    this.text = { ...text, paragraphs: text.paragraphs.filter((_, at) => at !== place) };
    this.offerBack(text, "Paragraph removed");
  }

  clear(): void {
    const text = this.text;
    this.text = null;
    if (text) this.offerBack(text, "Cleared");
  }

  get canMore(): boolean {
    return (this.text?.paragraphs.length ?? MAX_PARAGRAPHS) < MAX_PARAGRAPHS;
  }

  private offerBack(text: Written, says: string): void {
    status.note(says, {
      label: "Bring the old text back",
      act: async () => {
        this.stop();
        this.text = text;
      },
    });
  }

  private async rest(signal: AbortSignal): Promise<void> {
    while (this.text && this.text.paragraphs.length < this.text.plan.parts) {
      const before = this.text.paragraphs.length;
      const found = await this.paragraph(before, signal);
      if (!found || found.is_last) break;
    }
    status.quiet("The text is written");
  }

  /** Write the paragraph at a place; null where the model would end the text before it. */
  private async paragraph(place: number, signal: AbortSignal): Promise<Candidate | null> {
    const text = this.text!;
    let result: { candidates: Candidate[]; chosen: number } | null = null;
    this.live = { place, texts: [] };
    status.quiet(`Writing paragraph ${place + 1}`);
    const how = this.how;
    const body = {
      model: app.model,
      ...text.brief,
      outline: text.plan.outline,
      before: text.paragraphs.slice(0, place).map((each) => each.text),
      best: how.best,
      by: how.by === "reward" && text.plan.has_reward ? "reward" : "model",
      seed: Math.floor(Math.random() * 2 ** 31),
    };
    try {
      await read(
        "/api/write/paragraph",
        body,
        {
          text: (said: { candidate: number; text: string }) => this.live && (this.live.texts[said.candidate] = said.text),
          done: (said: typeof result) => (result = said),
        },
        signal,
      );
    } finally {
      this.live = null;
    }
    const done = result as { candidates: Candidate[]; chosen: number } | null;
    if (!done || done.chosen < 0) {
      if (done) status.note(place ? "The model ends the text here." : "The model wrote nothing.");
      return null;
    }
    const best = done.candidates[done.chosen]!;
    const others = done.candidates.filter((each, at) => each.text && each.text !== best.text && done.candidates.findIndex((one) => one.text === each.text) === at);
    const made = { text: best.text, candidates: [best, ...others], chosen: 0 };
    if (this.text) this.text = { ...this.text, paragraphs: [...this.text.paragraphs.slice(0, place), made, ...this.text.paragraphs.slice(place + 1)] };
    return best;
  }

  private async run(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.isBusy) return;
    const mine = (this.running = new AbortController());
    try {
      await work(mine.signal);
    } catch (error) {
      if (mine.signal.aborted) status.quiet("Stopped");
      else status.error(error);
    } finally {
      this.isPlanning = false;
      this.live = null;
      this.running = null;
    }
  }
}

export const writing = new Writing();
