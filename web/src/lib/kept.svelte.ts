/** A setting that outlives the page, in this browser only. */
export class Kept<T> {
  private now: T = $state()!;

  constructor(
    private key: string,
    start: T,
  ) {
    this.now = start;
    try {
      const kept = localStorage.getItem(`firstwords:${key}`);
      if (kept !== null) this.now = JSON.parse(kept) as T;
    } catch {
      // no storage, or a value of another version: the start value does
    }
  }

  get value(): T {
    return this.now;
  }

  set value(value: T) {
    this.now = value;
    try {
      localStorage.setItem(`firstwords:${this.key}`, JSON.stringify(value));
    } catch {
      // private windows may keep nothing
    }
  }
}
