package org.loft4j.data;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.stream.Collectors;
import java.util.zip.GZIPOutputStream;

/** Rows of text, of letters, digits and blanks, in each way in which rows can be given. */
public enum RowFiles {
    JSON_LINES("rows.jsonl"),
    JSON_ARRAY("rows.json"),
    CSV("rows.csv"),
    TSV("rows.tsv"),
    QUOTED_TSV("quoted.tsv"),
    TEXT("rows.txt"),
    GZIP("rows.csv.gz"),
    PARQUET("rows.parquet"),
    ZSTD("rows.jsonl.zst"),
    PATTERN("part-*.jsonl"),
    QUERY("query.csv");

    private final String name;

    RowFiles(String name) {
        this.name = name;
    }

    /** Writes the rows into a folder and says what they are called. */
    public DataReference write(Path folder, List<String> rows) throws IOException {
        Path file = folder.resolve(name);
        String lines = rows.stream().map(RowFiles::json).collect(Collectors.joining("\n\n", "", "\n"));
        String table = "id,text\n" + rows.stream().map(row -> "7," + row + "\n").collect(Collectors.joining());
        switch (this) {
            case JSON_LINES -> Files.writeString(file, lines);
            case JSON_ARRAY ->
                Files.writeString(
                        file, rows.stream().map(RowFiles::json).collect(Collectors.joining(",\n", " [", "]")));
            case CSV -> Files.writeString(file, table.replace("\n", "\r\n"));
            case TSV -> Files.writeString(file, table.replace(',', '\t'));
            case QUOTED_TSV -> Files.writeString(file, table.replace(',', '\t').replace("7\t", "\"7\n\"\t"));
            case TEXT -> Files.writeString(file, String.join("\n \n", rows));
            case GZIP -> {
                try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
                    out.write(table.getBytes(UTF_8));
                }
            }
            case PARQUET, ZSTD -> copy(Files.writeString(folder.resolve("rows.source"), table), file);
            case PATTERN -> {
                int half = rows.size() / 2;
                Files.writeString(folder.resolve("part-1.jsonl"), String.join("\n", json(rows.subList(0, half))));
                Files.writeString(
                        folder.resolve("part-2.jsonl"), String.join("\n", json(rows.subList(half, rows.size()))));
            }
            case QUERY -> {
                Files.writeString(file, table);
                return new DataReference("SELECT text FROM '" + file + "' WHERE id = 7");
            }
        }
        return new DataReference(file.toString());
    }

    private static List<String> json(List<String> rows) {
        return rows.stream().map(RowFiles::json).toList();
    }

    private static String json(String row) {
        return "{\"id\": 7, \"text\": \"" + row + "\"}";
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = connection.createStatement()) {
            statement.execute("COPY (FROM read_csv('" + from + "')) TO '" + to + "'"
                    + (to.toString().endsWith(".zst") ? " (FORMAT json, COMPRESSION zstd)" : ""));
        } catch (SQLException e) {
            throw new IOException(e);
        }
    }
}
