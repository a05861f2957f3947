/** The server's routes, one function each. */
import type * as T from "./types";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly param: string | null = null,
    readonly code: string | null = null,
  ) {
    super(message);
  }
}

const NO_ANSWER = "The server is not answering.";

async function call<R>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<R> {
  return (await (await request(method, path, body, signal)).json()) as R;
}

/** A response that is not an error. */
export async function request(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const init: RequestInit = { method };
  if (signal) init.signal = signal;
  if (body !== undefined) {
    init.headers = { "Content-Type": "application/json" };
    init.body = body instanceof Blob ? body : JSON.stringify(body);
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    dispatchEvent(new Event("firstwords:no-answer"));
    throw new ApiError(0, NO_ANSWER);
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => null);
  const error = said?.error;
  if (response.status === 401) dispatchEvent(new Event("firstwords:key-needed"));
  throw new ApiError(response.status, error?.message ?? `${response.status} ${response.statusText}`, error?.param, error?.code);
}

export const get = <R>(path: string, signal?: AbortSignal) => call<R>("GET", path, undefined, signal);
export const post = <R>(path: string, body: unknown = {}, signal?: AbortSignal) => call<R>("POST", path, body, signal);
const at = encodeURIComponent;

/** One text or a conversation, as the routes of the glass box take it. */
export type Prompt = { text: string } | { messages: T.PromptMessage[] } | { ids: number[] };

export const api = {
  state: () => get<T.State>("/api/state"),
  enter: (key: string) => post<unknown>("/api/session", { key }),
  leave: () => call<unknown>("DELETE", "/api/session"),

  models: () => get<{ models: T.Model[]; trash: T.Thrown[] }>("/api/models"),
  renameModel: (name: string, to: string) => post<T.Model>(`/api/models/${at(name)}/rename`, { to }),
  copyModel: (name: string, to: string) => post<T.Model>(`/api/models/${at(name)}/copy`, { to }),
  /** To the trash; the id of what is returned brings it back. */
  deleteModel: (name: string, stage = "") => call<T.Thrown>("DELETE", `/api/models/${at(name)}?stage=${at(stage)}`),
  restoreModel: (id: string, name = "") => post<{ ref: string }>("/api/models/restore", { id, name }),
  takeExam: (name: string, stage: string) => post<unknown>(`/api/models/${at(name)}/exam`, { stage }),
  upload: (file: { name: string; base64?: string; text?: string }) => post<T.Uploaded>("/api/uploads", file),
  promote: (name: string, stage: string) => post<T.Changed>(`/api/models/${at(name)}/promote`, { stage }),
  /** Undoes the last promotion, or all down to the stage `to`. */
  rollback: (name: string, to = "") => post<T.Changed>(`/api/models/${at(name)}/rollback`, { to }),

  chats: (q = "", offset = 0, limit = 50) =>
    get<{ chats: T.ChatHead[]; total: number }>(`/api/chats?q=${at(q)}&limit=${limit}&offset=${offset}`),
  newChat: (chat: { title?: string; model?: string; system?: string } = {}) => post<T.Chat>("/api/chats", chat),
  chat: (id: string) => get<{ chat: T.Chat; messages: T.Message[] }>(`/api/chats/${at(id)}`),
  changeChat: (id: string, change: { title?: string; active?: string }) =>
    call<T.Chat>("PATCH", `/api/chats/${at(id)}`, change),
  deleteChat: (id: string) => call<unknown>("DELETE", `/api/chats/${at(id)}`),
  send: (chat: string, said: { parent_id: string | null; content: string; model?: string; documents?: T.Lookup; params: Partial<T.Params> }) =>
    post<{ user: T.Message; assistant: T.Message }>(`/api/chats/${at(chat)}/messages`, said),
  regenerate: (id: string, how: { model?: string; documents?: T.Lookup; params?: T.Params }) =>
    post<{ assistant: T.Message }>(`/api/messages/${at(id)}/regenerate`, how),
  branch: (id: string, how: { index: number; token_id: number; params?: T.Params }) =>
    post<{ assistant: T.Message }>(`/api/messages/${at(id)}/branch`, how),
  /** A call of tools or a result, as a person has changed it, and what follows from it. */
  changeTool: (id: string, content: string, params: Partial<T.Params>) =>
    post<{ messages: T.Message[] }>(`/api/messages/${at(id)}/tool`, { content, params }),
  stop: (id: string) => post<{ message: T.Message }>(`/api/messages/${at(id)}/stop`),
  rate: (id: string, verdict: T.Verdict | null, reasons: string[]) =>
    post<unknown>(`/api/messages/${at(id)}/rating`, { verdict, reasons }),
  deleteMessage: (id: string) => call<{ deleted: number; active: string | null }>("DELETE", `/api/messages/${at(id)}`),
  fork: (id: string) => post<T.Chat>(`/api/messages/${at(id)}/fork`),
  messageStream: (id: string, from: number) => `/api/messages/${at(id)}/stream?from=${from}`,
  /** Sends the file unchanged: parsing and writing it again would turn 1.0 into 1, which the log takes for another judgement. */
  importAll: (file: Blob) => post<{ chats: number; messages: number; judgements: number; skipped: number }>("/api/import", file),

  /** What the model would read of a chat down to the message `leaf`, and of what one is writing. */
  context: (of: { model: string; leaf: string | null; content: string; system: string; max_tokens: number; tools: string[] }, signal?: AbortSignal) =>
    post<T.Reading>("/api/context", of, signal),

  next: (model: string, prompt: Prompt, how: { top: number; temperature: number; top_p: number; top_k: number }, signal?: AbortSignal) =>
    post<T.Next>("/api/next", { model, ...prompt, ...how }, signal),
  inside: (model: string, prompt: Prompt, answer?: string, signal?: AbortSignal) =>
    post<T.Inside>("/api/inside", { model, ...prompt, ...(answer === undefined ? {} : { answer }) }, signal),
  attention: (model: string, ids: number[], layer: number, signal?: AbortSignal) =>
    post<T.Attention>("/api/inside/attention", { model, ids, layer }, signal),
  lens: (model: string, ids: number[], top = 3, signal?: AbortSignal) =>
    post<T.Lens>("/api/inside/lens", { model, ids, top }, signal),
  trace: (model: string, ids: number[], signal?: AbortSignal) => post<T.Trace>("/api/trace", { model, ids }, signal),
  traceText: (model: string, text: string, signal?: AbortSignal) => post<T.Trace>("/api/trace", { model, text }, signal),
  traceMessage: (id: string, signal?: AbortSignal) => post<T.Trace>(`/api/messages/${at(id)}/trace`, {}, signal),
  stages: (name: string, text: string, params: T.Params, signal?: AbortSignal) =>
    post<T.Stages>("/api/stages", { name, text, params }, signal),
  stagePairs: (name: string, limit = 20) => post<{ pairs: T.StagePair[] }>("/api/stages/pairs", { name, limit }),

  writeOutline: (model: string, brief: T.Brief, outline: string, signal?: AbortSignal) =>
    post<T.WrittenOutline>("/api/write/outline", { model, ...brief, outline }, signal),
  writeMeasures: (paragraphs: string[], words: string[], signal?: AbortSignal) =>
    post<T.TextMeasures>("/api/write/measures", { paragraphs, words }, signal),

  documents: (limit: number) => get<{ documents: T.Doc[]; total: number; collections: string[] }>(`/api/documents?limit=${limit}`),
  addDocument: (file: { name: string; base64?: string; text?: string; collection: string }) => post<T.DocOutcome>("/api/documents", file),
  addPage: (url: string, collection: string) => post<T.DocOutcome>("/api/documents/pages", { url, collection }),
  removeDocument: (id: number) => call<unknown>("DELETE", `/api/documents/${id}`),
  documentChunks: (id: number, first: number, limit: number, signal?: AbortSignal) =>
    get<{ document: T.Doc; chunks: T.DocChunk[] }>(`/api/documents/${id}/chunks?first=${first}&limit=${limit}`, signal),
  searchDocuments: (q: string, collection: string, limit: number, signal?: AbortSignal) =>
    get<{ passages: T.Passage[] }>(`/api/documents/search?q=${at(q)}&limit=${limit}${collection ? `&collection=${at(collection)}` : ""}`, signal),

  runs: () => get<{ runs: T.Run[] }>("/api/runs"),
  run: (name: string) => get<T.RunDetail>(`/api/runs/${at(name)}`),
  startRun: (command: "learn" | "align" | "compare", name: string, options: T.RunOptions) =>
    post<T.Run>("/api/runs", { command, name, options }),
  stopRun: (name: string) => post<T.Run>(`/api/runs/${at(name)}/stop`),
  resumeRun: (name: string) => post<T.Run>(`/api/runs/${at(name)}/resume`),
  runStream: (name: string) => `/api/runs/${at(name)}/stream`,

  teach: (name: string) => get<T.Teach>(`/api/teach/${at(name)}`),
  tally: (name: string, against: string) => get<T.Tally>(`/api/teach/${at(name)}/tally?against=${at(against)}`),
  nextPair: (name: string, how: { against?: string; prompt?: string; live?: boolean } = {}) =>
    post<T.Pair>(`/api/teach/${at(name)}/next`, how),
  judge: (pair: string, verdict: T.PairVerdict, reasons: string[]) =>
    post<T.Judged>(`/api/teach/pairs/${at(pair)}`, { verdict, reasons }),
  liveOffer: (name: string) => get<T.LiveOffer>(`/api/teach/${at(name)}/live`),
  openLive: (name: string) => post<T.LiveState>(`/api/teach/${at(name)}/live`),
  moveLive: (name: string, way: "undo" | "redo") => post<T.LiveStep>(`/api/teach/${at(name)}/live/${way}`),
  forgetLive: (name: string) => call<unknown>("DELETE", `/api/teach/${at(name)}/live`),
  keepLive: (name: string) => post<T.Run>(`/api/teach/${at(name)}/live/keep`),
};
