/** The list of chats, and word of changes from and to other tabs of this browser. */
import { api } from "../lib/api";
import type { ChatHead } from "../lib/types";
import { status } from "./status.svelte";

const PAGE = 50;

class Chats {
  list = $state.raw<ChatHead[]>([]);
  total = $state(0);
  query = $state("");
  private channel = new BroadcastChannel("firstwords:chats");
  private listeners = new Set<(chat: string) => void>();
  private asked = 0;

  constructor() {
    this.channel.onmessage = (event: MessageEvent<string>) => {
      void this.load();
      for (const listener of this.listeners) listener(event.data);
    };
  }

  /** The first page of what matches the query; only the newest question's answer counts. */
  async load(): Promise<void> {
    const mine = ++this.asked;
    try {
      const found = await api.chats(this.query, 0, Math.max(PAGE, Math.min(this.list.length, 200)));
      if (mine !== this.asked) return;
      this.list = found.chats;
      this.total = found.total;
    } catch (error) {
      if (mine === this.asked) status.error(error);
    }
  }

  async more(): Promise<void> {
    const found = await api.chats(this.query, this.list.length, PAGE);
    const known = new Set(this.list.map((chat) => chat.id));
    this.list = [...this.list, ...found.chats.filter((chat) => !known.has(chat.id))];
    this.total = found.total;
  }

  /** Tell this list and the other tabs that a chat is new, changed or gone. */
  changed(chat: string): void {
    this.channel.postMessage(chat);
    void this.load();
  }

  /** Hear of chats that another tab changed. Returns what ends it. */
  onChange(listener: (chat: string) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async rename(chat: ChatHead, title: string): Promise<void> {
    await api.changeChat(chat.id, { title });
    this.changed(chat.id);
  }

  async remove(chat: ChatHead): Promise<void> {
    await api.deleteChat(chat.id);
    this.changed(chat.id);
  }
}

export const chats = new Chats();
