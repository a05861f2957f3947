/** Where one is, in the address: #/view/id. */
import { viewOf, type View } from "../views";

function read(): { view: View; id: string } {
  const [, path = "", id = ""] = location.hash.split("/");
  let decoded = "";
  try {
    decoded = decodeURIComponent(id);
  } catch {
    // a broken address is an address without an id
  }
  return { view: viewOf(path), id: decoded };
}

class Route {
  private now = $state.raw(read());

  constructor() {
    addEventListener("hashchange", () => (this.now = read()));
  }

  get view(): View {
    return this.now.view;
  }

  get id(): string {
    return this.now.id;
  }

  /** The id in a view's address, or null while another view is open: the old view stays on screen until the new one
   * has loaded, and must not take the new one's id for its own. */
  idOf(path: string): string | null {
    return this.now.view.path === path ? this.now.id : null;
  }

  go(path: string, id = "", { replace = false } = {}): void {
    const hash = link(path, id);
    if (replace) history.replaceState(null, "", hash);
    else if (location.hash !== hash) history.pushState(null, "", hash);
    this.now = read();
  }
}

export const link = (path: string, id = ""): string => `#/${path}${id ? `/${encodeURIComponent(id)}` : ""}`;
export const route = new Route();
