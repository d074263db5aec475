package org.loft4j.data;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.loft4j.hostile.HostileFormat;

/** Parquet in several encodings, and zstd, which native code reads. */
class DamagedParquetTest implements HostileFormat {
    private static final Map<String, String> QUERIES = Map.of(
            "plain.parquet",
            "COPY (SELECT 'text ' || i AS text, mod(i, 3) AS label FROM range(40) t(i)) TO '%s' (COMPRESSION uncompressed)",
            "snappy.parquet",
            "COPY (SELECT 'a long enough text ' || mod(i, 5) AS prompt, repeat('z', i::INT + 1) AS completion FROM range(60) t(i)) TO '%s' (COMPRESSION snappy)",
            "zstd.parquet",
            "COPY (SELECT [{'role': 'user', 'content': 'q' || i}, {'role': 'assistant', 'content': 'a'}] AS messages FROM range(30) t(i)) TO '%s' (COMPRESSION zstd)",
            "v2.parquet",
            "COPY (SELECT 'text' || (i // 7) AS text, i * 2 AS label FROM range(50) t(i)) TO '%s' (COMPRESSION gzip, PARQUET_VERSION V2)",
            "rows.jsonl.zst",
            "COPY (SELECT 'text ' || i AS text, mod(i, 3) AS label FROM range(40) t(i)) TO '%s' (FORMAT json, COMPRESSION zstd)");

    @Override
    public List<Path> lay(Path folder) throws SQLException {
        List<Path> files = new ArrayList<>();
        for (String name : QUERIES.keySet().stream().sorted().toList()) {
            Path file = folder.resolve(name);
            try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
                    Statement statement = connection.createStatement()) {
                statement.execute(String.format(QUERIES.get(name), file));
            }
            files.add(file);
        }
        return files;
    }

    @Override
    public void read(Path folder, Path damaged) throws Exception {
        DataFiles.read(damaged);
    }
}
