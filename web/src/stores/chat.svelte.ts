/** The open chat: its tree of messages, the path one reads, and the answers that are being written. */
import { SvelteMap } from "svelte/reactivity";
import { api } from "../lib/api";
import { follow } from "../lib/sse";
import { childrenOf, countBelow, newestLeaf, pathTo } from "../lib/tree";
import type { Chat, Lookup, Message, Rating, Token } from "../lib/types";
import { chats } from "./chats.svelte";
import { documents } from "./documents.svelte";
import { allParams, instruction, params } from "./settings.svelte";
import { status } from "./status.svelte";

interface TokensEvent {
  index: number;
  tokens: Token[];
}

export class OpenChat {
  head = $state.raw<Chat | null>(null);
  active = $state<string | null>(null);
  /** Says how many messages an action has put out of sight, and where they are. */
  notice = $state.raw<{ text: string; leaf: string } | null>(null);
  /** A request is on its way. */
  isBusy = $state(false);
  /** While it lasts, `active` may be a message that is gone. */
  isRemoving = $state(false);
  private byId = new SvelteMap<string, Message>();
  private streams = new Map<string, () => void>();
  private arrived = new Map<string, TokensEvent[]>();
  private frame = 0;

  readonly path = $derived(pathTo(this.active, (id) => this.byId.get(id)));
  readonly children = $derived(childrenOf(this.byId.values()));
  readonly streaming = $derived(this.path.find((message) => message.status === "streaming") ?? null);

  /** Where the next answer of a chat comes from; an answer from memory was an exception. */
  lookup(id: string): Lookup {
    const isOpen = this.head?.id === id;
    const last = isOpen ? this.path.findLast((message) => message.role === "assistant" && message.params?.documents !== false) : undefined;
    return documents.lookup(id, last?.params?.documents);
  }

  get(id: string): Message | undefined {
    return this.byId.get(id);
  }

  /** Load a chat, or what has changed in it since. */
  async load(id: string): Promise<void> {
    const { chat, messages } = await api.chat(id);
    const isSame = this.head?.id === id;
    if (!isSame) this.close();
    const there = new Set(messages.map((message) => message.id));
    for (const known of [...this.byId.keys()]) if (!there.has(known)) this.byId.delete(known);
    this.head = chat;
    for (const message of messages) {
      // An answer that this tab is following is newer here than in the reply.
      if (!this.streams.has(message.id)) this.byId.set(message.id, message);
      if (message.status === "streaming") this.attach(message.id);
    }
    if (!isSame || this.active === null || !this.byId.has(this.active)) this.active = chat.active;
    else if (chat.active && pathTo(chat.active, (m) => this.byId.get(m)).some((m) => m.id === this.active)) this.active = chat.active;
  }

  /** The server has gone: answers end where they are. */
  interrupt(): void {
    this.flush();
    for (const [id, stop] of this.streams) {
      stop();
      const message = this.byId.get(id);
      if (message) this.byId.set(id, { ...message, status: "interrupted" });
    }
    this.streams.clear();
  }

  close(): void {
    for (const stop of this.streams.values()) stop();
    this.streams.clear();
    this.arrived.clear();
    this.byId.clear();
    this.head = null;
    this.active = null;
    this.notice = null;
  }

  /** Say something below `parent` (by default the end of what one reads); makes the chat when there is none. */
  async send(content: string, model: string, parent: string | null = this.active): Promise<string> {
    return this.act(async () => {
      if (!this.head) {
        this.head = await api.newChat({ model, system: instruction.value.trim() });
        documents.moveLookup(this.head.id);
      }
      instruction.value = "";
      const chat = this.head.id;
      const lookup = this.lookup(chat);
      const where = lookup === false ? {} : { documents: lookup };
      const said = await api.send(chat, { parent_id: parent, content, model, ...where, params: params() });
      this.byId.set(said.user.id, said.user);
      this.follow(said.assistant);
      return chat;
    });
  }

  /** Answer again; lookup: from other documents than before, or (false) from memory. */
  async regenerate(message: Message, model: string, lookup?: Lookup): Promise<void> {
    const where = lookup === undefined ? {} : { documents: lookup };
    await this.act(async () => this.replace(message, (await api.regenerate(message.id, { model, ...where, params: allParams(model) })).assistant));
  }

  /** Go on from another token than the one that was drawn at `index`. */
  async branch(message: Message, index: number, token_id: number): Promise<Message> {
    return this.act(async () => {
      const { assistant } = await api.branch(message.id, { index, token_id, params: allParams(message.model) });
      this.replace(message, assistant);
      return assistant;
    });
  }

  /** The same words of the person, changed: a new child of the same parent. */
  async edit(message: Message, content: string, model: string): Promise<void> {
    const hidden = this.hiddenBelow(message);
    const leaf = this.active;
    await this.send(content, model, message.parent_id);
    this.tellHidden(hidden, leaf);
  }

  async stop(): Promise<void> {
    const message = this.streaming;
    if (!message) return;
    const { message: stopped } = await api.stop(message.id);
    this.finish(stopped);
  }

  async rate(message: Message, rating: Rating | null): Promise<void> {
    await api.rate(message.id, rating?.verdict ?? null, rating?.reasons ?? []);
    const now = this.byId.get(message.id);
    if (now) this.byId.set(message.id, { ...now, rating });
    if (this.head) chats.changed(this.head.id);
  }

  /** Read another version of a message. */
  async show(id: string): Promise<void> {
    await this.open(newestLeaf(id, this.children));
  }

  async open(leaf: string): Promise<void> {
    if (!this.head) return;
    this.active = leaf;
    this.notice = null;
    await api.changeChat(this.head.id, { active: leaf });
  }

  /** Delete a message and all that stands below it, in every version. */
  async remove(message: Message): Promise<void> {
    if (!this.head) return;
    this.isRemoving = true;
    try {
      const { active } = await api.deleteMessage(message.id);
      this.notice = null;
      this.active = active;
      await this.load(this.head.id);
    } finally {
      this.isRemoving = false;
    }
    chats.changed(this.head.id);
  }

  siblings(message: Message): Message[] {
    return (this.children.get(message.parent_id) ?? [message]).filter((other) => other.role === message.role);
  }

  numBelow(message: Message): number {
    return countBelow(message.id, this.children);
  }

  /** Messages below this one on the path one reads. */
  hiddenBelow(message: Message): number {
    const place = this.path.findIndex((other) => other.id === message.id);
    return place < 0 ? 0 : this.path.length - 1 - place;
  }

  private async act<R>(work: () => Promise<R>): Promise<R> {
    this.isBusy = true;
    this.notice = null;
    try {
      return await work();
    } finally {
      this.isBusy = false;
    }
  }

  private replace(old: Message, fresh: Message): void {
    const hidden = old.role === "assistant" ? this.hiddenBelow(old) : 0;
    const leaf = this.active;
    this.follow(fresh);
    this.tellHidden(hidden, leaf);
  }

  private tellHidden(hidden: number, leaf: string | null): void {
    if (!hidden || !leaf) return;
    const what = hidden === 1 ? "1 later message belongs" : `${hidden} later messages belong`;
    this.notice = { text: `${what} to the previous version.`, leaf };
  }

  private follow(assistant: Message): void {
    this.byId.set(assistant.id, assistant);
    this.active = assistant.id;
    status.quiet("The model is answering");
    if (this.head) chats.changed(this.head.id);
    if (assistant.status === "streaming") this.attach(assistant.id);
  }

  private attach(id: string): void {
    if (this.streams.has(id)) return;
    const from = this.byId.get(id)?.tokens?.length ?? 0;
    const close = follow(
      api.messageStream(id, from),
      {
        tokens: (event: TokensEvent) => this.take(id, event),
        done: ({ message, following }: { message: Message; following?: Message[] }) => this.finish(message, following),
        failed: ({ error }: { error: Message["error"] }) => {
          const message = this.byId.get(id);
          if (message) this.finish({ ...message, status: "error", error });
        },
      },
      () => this.lost(id),
    );
    this.streams.set(id, close);
  }

  /** Tokens wait for the next frame, so that a fast model costs one change of the page a frame. */
  private take(id: string, event: TokensEvent): void {
    const waiting = this.arrived.get(id);
    if (waiting) waiting.push(event);
    else this.arrived.set(id, [event]);
    this.frame ||= requestAnimationFrame(() => this.flush());
  }

  private flush(): void {
    this.frame = 0;
    for (const [id, events] of this.arrived) {
      const message = this.byId.get(id);
      if (!message) continue;
      const tokens = message.tokens?.slice() ?? [];
      for (const { index, tokens: fresh } of events) tokens.splice(index, fresh.length, ...fresh);
      this.byId.set(id, { ...message, tokens, content: tokens.map((token) => token.text).join("") });
    }
    this.arrived.clear();
  }

  /** following: results of the tools that an answer called, and the answer after them. */
  private finish(message: Message, following: Message[] = []): void {
    this.streams.get(message.id)?.();
    this.streams.delete(message.id);
    this.arrived.delete(message.id);
    if (!this.byId.has(message.id)) return;
    const tokens = message.tokens ?? this.byId.get(message.id)?.tokens ?? null;
    this.byId.set(message.id, { ...message, tokens });
    if (message.status !== "error") {
      status.quiet(message.status === "stopped" ? "Stopped" : message.status === "done" ? `Answered: ${message.content}` : "The answer was interrupted");
    }
    if (following.length) this.add(following, this.active === message.id);
    if (this.head) chats.changed(this.head.id);
  }

  /** Messages below one another, the last of which is being written. isShown: one reads them. */
  private add(messages: Message[], isShown: boolean): void {
    const last = messages.at(-1)!;
    for (const each of messages) this.byId.set(each.id, each);
    if (isShown) this.follow(last);
    else if (last.status === "streaming") this.attach(last.id);
  }

  /** A call or a result, changed: another version, and another answer. */
  async changeTool(message: Message, content: string): Promise<void> {
    const [hidden, leaf] = [this.hiddenBelow(message), this.active];
    const { tools, ...how } = params(); // tools that were switched off since stay those of the call
    const chosen = tools?.length ? { ...how, tools } : how;
    await this.act(async () => this.add((await api.changeTool(message.id, content, chosen)).messages, true));
    this.tellHidden(hidden, leaf);
  }

  /** The stream was refused: ask what became of the message. */
  private lost(id: string): void {
    this.streams.get(id)?.();
    this.streams.delete(id);
    const chat = this.head?.id;
    if (chat) setTimeout(() => this.head?.id === chat && this.load(chat).catch((error) => status.error(error)), 1000);
  }
}

export const chat = new OpenChat();
