/** A user's live lesson with one model: the model learns from every choice at once. */
import { api } from "../lib/api";
import { Kept } from "../lib/kept.svelte";
import type { LiveOffer, LiveState, LiveStep } from "../lib/types";
import { status } from "./status.svelte";

export class LiveLesson {
  offer = $state.raw<LiveOffer | null>(null);
  lesson = $state.raw<LiveState | null>(null);
  step = $state.raw<LiveStep | null>(null);
  /** Why the last verdict was not learned. */
  note = $state("");
  isBusy = $state(false);
  /** Whether the user has switched it on or off; until then the size of the model decides. */
  private readonly chosen: Kept<boolean | null>;

  constructor(readonly name: string) {
    this.chosen = new Kept<boolean | null>(`teach:live:${name}`, null);
  }

  get isOn(): boolean {
    return this.offer?.is_available === true && (this.chosen.value ?? this.offer.is_default);
  }

  /** What the server offers; opens the lesson if it is on. */
  async load(): Promise<void> {
    try {
      this.offer = await api.liveOffer(this.name);
      if (this.isOn) await this.open();
    } catch (error) {
      status.error(error);
    }
  }

  async turn(isOn: boolean): Promise<void> {
    this.chosen.value = isOn;
    if (isOn) await this.open();
  }

  async open(): Promise<void> {
    await this.work(async () => {
      this.lesson = await api.openLive(this.name);
    });
  }

  async move(way: "undo" | "redo"): Promise<void> {
    await this.work(async () => {
      this.learned(await api.moveLive(this.name, way));
      status.quiet(way === "undo" ? "Undone" : "Redone");
    });
  }

  async forget(): Promise<void> {
    await this.work(async () => {
      await api.forgetLive(this.name);
      this.step = null;
      this.note = "";
      this.lesson = await api.openLive(this.name);
    });
  }

  learned(step: LiveStep | null, note = ""): void {
    this.note = note;
    this.step = step;
    if (step) this.lesson = step;
  }

  async work(action: () => Promise<void>): Promise<void> {
    this.isBusy = true;
    try {
      await action();
    } catch (error) {
      status.error(error);
    } finally {
      this.isBusy = false;
    }
  }
}
