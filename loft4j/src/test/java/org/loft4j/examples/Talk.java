package org.loft4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.loft4j.data.Message;
import org.loft4j.infer.Reading;
import org.loft4j.infer.SamplingConfig;
import org.loft4j.infer.TextGenerator;
import org.loft4j.infer.TextGenerator.Request;

/** A conversation of several turns, of which the model reads each once. */
final class Talk {
    private Talk() {}

    static List<Message> run(Path trained, List<String> questions, Consumer<String> screen) throws IOException {
        Request request = new Request(100, Set.of(), List.of(), SamplingConfig.GREEDY);
        try (TextGenerator generator = TextGenerator.open(trained);
                Reading reading = new Reading()) {
            List<Message> conversation = new ArrayList<>();
            for (String question : questions) {
                conversation.add(Message.of("user", question));
                String reply = generator
                        .reply(conversation, Map.of(), request, (row, piece) -> screen.accept(piece), reading)
                        .text();
                conversation.add(Message.of("assistant", reply));
            }
            return conversation;
        }
    }
}
