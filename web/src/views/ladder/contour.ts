/** Where a grid of values crosses a level, as an SVG path in pixels (marching squares with linear interpolation). */

/** grid[row][column] from the bottom row up, drawn over width x height with y downwards. */
export function contour(grid: number[][], level: number, width: number, height: number): string {
  const rows = grid.length;
  const columns = grid[0]?.length ?? 0;
  const x = (column: number) => (column / (columns - 1)) * width;
  const y = (row: number) => height - (row / (rows - 1)) * height;
  const path: string[] = [];
  for (let r = 0; r + 1 < rows; r++) {
    for (let c = 0; c + 1 < columns; c++) {
      const corners: [number, number, number][] = [
        [c, r, grid[r]![c]!],
        [c + 1, r, grid[r]![c + 1]!],
        [c + 1, r + 1, grid[r + 1]![c + 1]!],
        [c, r + 1, grid[r + 1]![c]!],
      ];
      const crossings: string[] = [];
      corners.forEach(([c0, r0, p0], i) => {
        const [c1, r1, p1] = corners[(i + 1) % 4]!;
        if (p0 > level === p1 > level) return;
        const share = (level - p0) / (p1 - p0);
        crossings.push(`${x(c0 + (c1 - c0) * share).toFixed(1)} ${y(r0 + (r1 - r0) * share).toFixed(1)}`);
      });
      for (let i = 0; i + 1 < crossings.length; i += 2) path.push(`M${crossings[i]}L${crossings[i + 1]}`);
    }
  }
  return path.join("");
}
