package org.loft4j.cli;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** A small trained language model, and calls that let it write. */
record StoryCalls(Path model) {
    /** What the model makes of "Once upon a time", before " One day". */
    static final String ONCE = ", there was a little girl named Lily. She loved to play outside in the park.";

    /** A copy of the model, with a template. */
    static StoryCalls in(Path folder) throws IOException {
        Path model = Fixtures.copy("stories260K", folder.resolve("stories"));
        Files.writeString(
                model.resolve("chat_template.jinja"),
                "{{ bos_token }}{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}"
                        + "{% endif %}{% endfor %}");
        return new StoryCalls(model);
    }

    /** Chats by these lines. */
    Captured typed(String lines, Object... options) {
        return typed(lines.getBytes(StandardCharsets.UTF_8), options);
    }

    Captured typed(byte[] lines, Object... options) {
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream(lines));
        try {
            return loft(Stream.concat(Stream.of("chat", "--model", model), Stream.of(options))
                    .toArray());
        } finally {
            System.setIn(before);
        }
    }

    static Captured loft(Object... args) {
        return Captured.loft(Stream.of(args).map(String::valueOf).toArray(String[]::new));
    }
}
