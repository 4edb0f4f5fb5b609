// Access to the clipboard.

/** Copies text; returns false if the clipboard is unavailable: without https or permission. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
