// Tables in Parquet, where a row is known by its number.
import { parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { FormatError } from '../errors.js';
import { positions, type TableRow } from './table.js';

export async function readParquet(
  path: string,
  bytes: Uint8Array,
  columns: readonly string[],
): Promise<TableRow[]> {
  const file = new Uint8Array(bytes).buffer;
  try {
    const metadata = parquetMetadata(file);
    positions(
      path,
      parquetSchema(metadata).children.map((child) => child.element.name),
      columns,
    );
    const rows = await parquetReadObjects({ file, metadata, columns: [...columns], compressors });
    return rows.map((row, index) => ({
      at: `row ${index + 1}`,
      cells: columns.map((column) => row[column] as unknown),
    }));
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError(path, `cannot be read as Parquet: ${(cause as Error).message}`, { cause });
  }
}
