// Copies text, and says whether it could.

/** Returns false where the clipboard is unavailable: without https or permission. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
