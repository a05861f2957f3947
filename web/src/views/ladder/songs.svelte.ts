/** The songs of the first step as they stand now; the third step learns from the same. */
import { ladder, type Genre, type Song } from "../../lib/ladder";
import { status } from "../../stores/status.svelte";

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

class Songs {
  rows = $state.raw<Song[]>([]);
  /** The song that the fields below the plot show, or -1. */
  at = $state(-1);
  limits = $state.raw({ max_rows: 0, max_layers: 0, max_width: 1 });
  private start: Song[] = [];
  private added = 0;

  readonly isChanged = $derived(this.rows !== this.start);
  readonly isFull = $derived(this.rows.length >= this.limits.max_rows);

  async load(): Promise<void> {
    if (this.start.length) return;
    try {
      const { songs, ...limits } = await ladder.songs();
      [this.start, this.rows, this.limits] = [songs, songs, limits];
    } catch (error) {
      status.error(error);
    }
  }

  add(tempo: number, energy: number, genre: Genre): void {
    if (this.isFull) return status.note(`The limit is ${this.limits.max_rows} songs. Remove one first.`);
    this.added += 1;
    this.rows = [...this.rows, { name: `Song ${this.added}`, artist: "yours", ...this.within(tempo, energy), genre }];
    this.at = this.rows.length - 1;
    status.quiet(`Added ${this.rows[this.at]!.name}, ${genre}.`);
  }

  move(i: number, tempo: number, energy: number): void {
    this.change(i, this.within(tempo, energy));
  }

  flip(i: number): void {
    this.change(i, { genre: this.rows[i]!.genre === "r&b" ? "reggaeton" : "r&b" });
    status.quiet(`${this.rows[i]!.name} is now ${this.rows[i]!.genre}.`);
  }

  remove(i: number): void {
    status.quiet(`Removed ${this.rows[i]!.name}.`);
    this.rows = this.rows.filter((_, place) => place !== i);
    this.at = Math.min(this.at, this.rows.length - 1);
  }

  reset(): void {
    this.rows = this.start;
    this.at = -1;
    status.quiet("Back to the original songs.");
  }

  private change(i: number, change: Partial<Song>): void {
    this.rows = this.rows.map((song, place) => (place === i ? { ...song, ...change } : song));
  }

  /** What the server takes, in steps that one can read. */
  private within(tempo: number, energy: number): { tempo: number; energy: number } {
    return { tempo: clamp(Math.round(tempo), 30, 300), energy: clamp(Math.round(energy * 100) / 100, 0, 1) };
  }
}

export const songs = new Songs();
