package org.loft4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.loft4j.data.Message;
import org.loft4j.infer.SamplingConfig;
import org.loft4j.infer.TextGenerator;
import org.loft4j.infer.TextGenerator.Answer;
import org.loft4j.infer.TextGenerator.Request;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** An answer that is shown as it grows, of a model in eight bits. */
final class Converse {
    private Converse() {}

    static Answer run(Path trained, String question, Consumer<String> screen) throws IOException {
        ModelOptions options = ModelOptions.of(Task.CAUSAL_LM).withLoadIn(LoadIn.INT8);
        try (TextGenerator generator = TextGenerator.open(trained, options)) {
            List<Message> conversation = List.of(Message.of("user", question));
            Map<String, Object> variables = Map.of("enable_thinking", false);
            Request request = new Request(100, Set.of(), List.of("\n\n"), SamplingConfig.GREEDY);
            return generator.reply(conversation, variables, request, (row, piece) -> screen.accept(piece));
        }
    }
}
