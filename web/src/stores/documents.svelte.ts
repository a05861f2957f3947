/** The person's documents, and which chats answer from them. */
import { api } from "../lib/api";
import { Kept } from "../lib/kept.svelte";
import type { Doc, Lookup } from "../lib/types";

const SHOWN = 500; // documents in the list

class Documents {
  list = $state.raw<Doc[]>([]);
  total = $state(0);
  collections = $state.raw<string[]>([]);
  isLoaded = $state(false);
  /** What each chat looks its answers up in; "" is the new chat. */
  private lookups = new Kept<Record<string, Lookup>>("lookups", {});

  async load(limit = SHOWN): Promise<void> {
    const found = await api.documents(limit);
    this.list = found.documents;
    this.total = found.total;
    this.collections = found.collections;
    this.isLoaded = true;
  }

  /** Where a chat's answers come from: true for all documents, a collection, or false for the model alone. before:
   * where the last answer came from, which counts until the person has chosen in this browser. */
  lookup(chat: string, before: Lookup = false): Lookup {
    const kept = this.lookups.value[chat] ?? before;
    if (this.isLoaded && typeof kept === "string" && !this.collections.includes(kept)) return this.total > 0;
    return kept;
  }

  setLookup(chat: string, lookup: Lookup): void {
    this.lookups.value = { ...this.lookups.value, [chat]: lookup };
  }

  /** A new chat has got its id. */
  moveLookup(chat: string): void {
    const lookup = this.lookup("");
    const { "": _, ...others } = this.lookups.value;
    this.lookups.value = lookup === false ? others : { ...others, [chat]: lookup };
  }
}

export const documents = new Documents();
