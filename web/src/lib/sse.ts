import { ApiError, request } from "./api";

/** Server-sent events with typed handlers; the browser reconnects by itself. Returns what closes it. */
export function follow(
  url: string,
  handlers: Record<string, (data: any) => void>,
  onLost: () => void = () => {},
): () => void {
  const source = new EventSource(url);
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => handle(JSON.parse((event as MessageEvent<string>).data)));
  }
  source.onerror = () => {
    // Connecting: the browser tries again. Closed: the server refused, and nobody tries any more.
    if (source.readyState === EventSource.CLOSED) onLost();
    else dispatchEvent(new Event("firstwords:no-answer"));
  };
  return () => source.close();
}

/** The events that answer a request with a body, until they end. Raises ApiError for a `failed` one. */
export async function read(path: string, body: unknown, handlers: Record<string, (data: any) => void>, signal: AbortSignal): Promise<void> {
  const response = await request("POST", path, body, signal);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (held + value).split("\n\n");
    held = blocks.pop()!;
    for (const block of blocks) {
      const [, kind, data] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
      if (!kind || !data) continue;
      const said = JSON.parse(data);
      if (kind === "failed") throw new ApiError(500, said.error.message);
      handlers[kind]?.(said);
    }
  }
}
