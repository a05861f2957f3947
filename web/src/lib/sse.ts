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
