/** Files from the browser, as the server takes them. */
const CHUNK = 0x8000; // String.fromCharCode takes no more arguments at once

/** The file as base64. */
export async function encoded(file: File): Promise<string> {
  const raw = new Uint8Array(await file.arrayBuffer());
  let binary = "";
  for (let at = 0; at < raw.length; at += CHUNK) binary += String.fromCharCode(...raw.subarray(at, at + CHUNK));
  return btoa(binary);
}

export interface Named {
  /** With its folders, if it came in one. */
  name: string;
  file: File;
}

/** Files of a chooser, by their path in the chosen folder if one was chosen. */
export const chosen = (list: Iterable<File>): Named[] => Array.from(list, (file) => ({ name: file.webkitRelativePath || file.name, file }));

/** Everything that was dropped, with the files in dropped folders. */
export async function dropped(data: DataTransfer | null): Promise<Named[]> {
  const entries = Array.from(data?.items ?? [], (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (!entries.some((entry) => entry.isDirectory)) return chosen(data?.files ?? []);
  return (await Promise.all(entries.map(filesOf))).flat();
}

async function filesOf(entry: FileSystemEntry): Promise<Named[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ name: entry.fullPath.replace(/^\//, ""), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break; // a reader gives a hundred at a time
    found.push(...some);
  }
  return (await Promise.all(found.map(filesOf))).flat();
}

/** Whether a file or one of its folders is hidden, as .git and .DS_Store are. */
export const isHidden = (name: string): boolean => name.split("/").some((part) => part.startsWith("."));
