package org.loft4j.data;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A directory with a tokenizer whose tokens are the bytes of UTF-8 and a few special tokens from 256 on. */
final class ByteModel {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private ByteModel() {}

    /** @param config content of tokenizer_config.json */
    static Path write(Path directory, String config, String... special) throws IOException {
        ObjectNode file = MAPPER.createObjectNode();
        ObjectNode model = file.putObject("model");
        model.put("type", "BPE");
        ObjectNode vocabulary = model.putObject("vocab");
        int next = 256;
        for (int b = 0; b < 256; b++) {
            boolean shown = b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae;
            vocabulary.put(Character.toString(shown ? b : next++), b);
        }
        model.putArray("merges");
        var added = file.putArray("added_tokens");
        for (int i = 0; i < special.length; i++) {
            vocabulary.put(special[i], 256 + i);
            added.addObject()
                    .put("id", 256 + i)
                    .put("content", special[i])
                    .put("single_word", false)
                    .put("lstrip", false)
                    .put("rstrip", false)
                    .put("normalized", false)
                    .put("special", true);
        }
        for (String part : new String[] {"pre_tokenizer", "decoder"}) {
            file.putObject(part)
                    .put("type", "ByteLevel")
                    .put("add_prefix_space", false)
                    .put("trim_offsets", false)
                    .put("use_regex", false);
        }
        Files.writeString(directory.resolve("tokenizer.json"), MAPPER.writeValueAsString(file));
        Files.writeString(directory.resolve("tokenizer_config.json"), config);
        return directory;
    }

    static String json(String text) throws IOException {
        return MAPPER.writeValueAsString(text);
    }

    /** The text of the tokens that are learnt, each run of them in square brackets. */
    static String learnt(Encoded example, Tokenizer tokenizer) {
        StringBuilder text = new StringBuilder();
        int i = 0;
        while (i < example.ids().length) {
            int end = i;
            while (end < example.ids().length && example.labels()[end] == example.ids()[end]) {
                end++;
            }
            if (end > i) {
                text.append('[')
                        .append(tokenizer.decode(java.util.Arrays.copyOfRange(example.ids(), i, end), false))
                        .append(']');
            }
            i = Math.max(end, i + 1);
        }
        return text.toString();
    }

    static int bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }
}
