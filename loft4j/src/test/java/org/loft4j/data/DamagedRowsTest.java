package org.loft4j.data;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.loft4j.hostile.HostileFormat;
import org.loft4j.hostile.Mutations;

/** CSV, TSV, JSON, JSON Lines and plain text, some of it gzipped: damaged as it is, and packed after the damage. */
class DamagedRowsTest implements HostileFormat {
    private static final String CHAT =
            "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"a\"}]}\n";
    private static final Map<String, String> FILES = Map.of(
            "a.csv", "text,label\n\"good, \"\"very\"\" good\",1\nbad,0\n\"two\nlines\",1\n",
            "a.tsv", "text\tlabel\nit's \"fine\"\tyes\nno\tno\n",
            "a.jsonl", "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\\u00e9\", \"label\": 0}\n",
            "a.json", "[{\"prompt\": \"p\", \"completion\": \"c\"}, {\"prompt\": \"q\", \"completion\": \"d\"}]",
            "chat.jsonl", CHAT + CHAT,
            "tags.jsonl", "{\"tokens\": [\"Ann\", \"runs\"], \"tags\": [\"B-PER\", \"O\"]}\n",
            "a.txt", "one line\nand another\n",
            "a.jsonl.gz", "{\"instruction\": \"i\", \"input\": \"\", \"output\": \"o\"}\n",
            "a.csv.gz", "text,label\na,1\nb,0\n");

    @Override
    public List<Path> lay(Path folder) throws IOException {
        List<Path> files = new ArrayList<>();
        for (String name : FILES.keySet().stream().sorted().toList()) {
            byte[] text = Mutations.text(FILES.get(name));
            files.add(Files.write(folder.resolve(name), name.endsWith(".gz") ? packed(text) : text));
        }
        return files;
    }

    @Override
    public byte[] damage(Path file, byte[] good, Mutations mutations) {
        if (!file.toString().endsWith(".gz") || mutations.random().nextBoolean()) {
            return mutations.of(good);
        }
        try {
            byte[] text = new GZIPInputStream(new ByteArrayInputStream(good)).readAllBytes();
            if (mutations.random().nextInt(20) == 0) {
                return bomb(mutations.random().nextInt(1, 400));
            }
            return packed(mutations.of(text));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] packed(byte[] bytes) throws IOException {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(packed)) {
            out.write(bytes);
        }
        return packed.toByteArray();
    }

    /** So many mebibytes of one letter, in a thousandth of that. */
    private static byte[] bomb(int mebibytes) throws IOException {
        byte[] block = packed("a".repeat(1 << 20).getBytes(StandardCharsets.UTF_8));
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (int i = 0; i < mebibytes; i++) {
            all.write(block);
        }
        return all.toByteArray();
    }

    @Override
    public void read(Path folder, Path damaged) throws Exception {
        DataFiles.read(damaged);
    }

    @Override
    public List<String> words() {
        return List.of(
                "null",
                "true",
                "[",
                "]",
                "{",
                "}",
                ",",
                ":",
                "\"",
                "\\u0000",
                "\\ud800",
                "[]",
                "{}",
                "\"text\"",
                "\"label\"",
                "\"messages\"",
                "\"role\"",
                "\"content\"",
                "\"tools\"",
                "\"conversations\"",
                "text,label\n",
                "\t",
                "\n",
                "\r",
                "\r\n",
                ";",
                "\"\"",
                "\"\"\"",
                "'",
                "=cmd|' /C calc'!A0",
                " ",
                "\0",
                "1e5",
                "-");
    }
}
