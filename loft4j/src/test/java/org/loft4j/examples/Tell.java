package org.loft4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.loft4j.data.Message;
import org.loft4j.infer.SamplingConfig;
import org.loft4j.infer.TextGenerator;

/** A text that is continued, and a question that is answered. */
final class Tell {
    private Tell() {}

    static List<String> run(Path trained, String beginning, String question) throws IOException {
        try (TextGenerator generator = TextGenerator.open(trained)) {
            String text =
                    generator.complete(beginning, 60, SamplingConfig.GREEDY).text();
            List<Message> conversation = List.of(Message.of("user", question));
            String reply =
                    generator.reply(conversation, 100, SamplingConfig.GREEDY).text();
            return List.of(text, reply);
        }
    }
}
