// Parses paragraphs, lists and `code`, as in OpenAPI descriptions.

interface Piece {
  code: boolean;
  text: string;
}

export interface Block {
  isList: boolean;
  lines: Piece[][];
}

export function parseBlocks(text: string): Block[] {
  return text
    .split(/\n{2,}/)
    .filter((block) => block.trim())
    .map((block) =>
      block.startsWith("* ")
        ? { isList: true, lines: block.slice(2).split(/\n\* /).map(piecesOf) }
        : { isList: false, lines: [piecesOf(block)] },
    );
}

function piecesOf(line: string): Piece[] {
  return line
    .replace(/\s+/g, " ")
    .split("`")
    .map((text, index) => ({ code: index % 2 === 1, text }))
    .filter(({ text }) => text);
}
