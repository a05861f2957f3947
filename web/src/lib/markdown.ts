/**
 * Model text as HTML that can do nothing: marked first, DOMPurify last. Raw HTML is shown as text, pictures become
 * a name (none is ever loaded), and links go to http(s) only, with their host written behind them.
 */
import DOMPurify from "dompurify";
import { Marked, type Tokens } from "marked";

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escape = (text: string): string => text.replace(/[&<>"']/g, (c) => escapes[c]!);

function hostOf(href: string): string | null {
  try {
    const url = new URL(href);
    return url.protocol === "https:" || url.protocol === "http:" ? url.host : null;
  } catch {
    return null;
  }
}

const marked = new Marked({
  gfm: true,
  breaks: true,
  async: false,
  renderer: {
    html: ({ text }: Tokens.HTML | Tokens.Tag) => escape(text),
    image: ({ text, href }: Tokens.Image) => `<span class="md-image">[picture: ${escape(text || href)}]</span>`,
    link({ href, tokens }: Tokens.Link) {
      const inner = this.parser.parseInline(tokens);
      const host = hostOf(href);
      if (host === null) return inner;
      return `<a href="${escape(href)}">${inner}</a><span class="md-host"> (${escape(host)})</span>`;
    },
    heading({ tokens }: Tokens.Heading) {
      // The headings of an answer are not those of the page.
      return `<p class="md-heading">${this.parser.parseInline(tokens)}</p>`;
    },
    checkbox: ({ checked }: Tokens.Checkbox) => (checked ? "[x] " : "[ ] "),
  },
});

const TAGS = ["p", "br", "strong", "em", "del", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "table", "thead",
  "tbody", "tr", "th", "td", "a", "span"]; // prettier-ignore

const purify = DOMPurify(window);
purify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  if (hostOf(node.getAttribute("href") ?? "") === null) node.removeAttribute("href");
  node.setAttribute("rel", "noopener noreferrer nofollow");
  node.setAttribute("target", "_blank");
});

export function toHtml(text: string): string {
  return purify.sanitize(marked.parse(text) as string, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ["href", "class", "start", "align", "rel", "target"],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
  });
}

/**
 * A long answer in pieces that stand for themselves, cut at blank lines outside of code fences, so that while an
 * answer grows only its last piece is parsed again. Joined they are the text.
 */
export function pieces(text: string): string[] {
  const found: string[] = [];
  let start = 0;
  let fence = "";
  let at = 0;
  for (const line of text.split("\n")) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (mark && !fence) fence = mark;
    else if (mark && mark.startsWith(fence)) fence = "";
    at += line.length + 1;
    // A list may go on behind a blank line: cut only before plain text.
    const next = text.slice(at, at + 4);
    if (!fence && line.trim() === "" && at - start > 400 && /^\S/.test(next) && !/^([-*+>]|\d)/.test(next)) {
      found.push(text.slice(start, at));
      start = at;
    }
  }
  if (start < text.length) found.push(text.slice(start));
  return found;
}
