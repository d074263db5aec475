package org.loft4j.infer;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.loft4j.data.StreamingDecoder;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.Continuation.Stop;

/** Continues texts: tokens in, whole characters out, up to a stop string. One thread uses it at a time. */
public final class TextGenerator {
    private final Generator generator;
    private final Tokenizer tokenizer;

    /** Both stay the caller's. */
    public TextGenerator(Generator generator, Tokenizer tokenizer) {
        this.generator = generator;
        this.tokenizer = tokenizer;
    }

    /**
     * What to ask for.
     *
     * @param maxNewTokens at least 1
     * @param stopIds ids that end a text and do not belong to it, as a rule {@link Tokenizer#stopIds}
     * @param stopStrings strings that do the same; may be empty
     * @param sampling how tokens are chosen
     */
    public record Request(int maxNewTokens, Set<Long> stopIds, List<String> stopStrings, SamplingConfig sampling) {
        public Request {
            stopIds = Set.copyOf(stopIds);
            stopStrings = List.copyOf(stopStrings);
        }
    }

    /** Why a text ended. */
    public enum End {
        /** The model ended it. */
        STOP_ID,
        /** A stop string came. */
        STOP_STRING,
        /** As many tokens as were asked for. */
        MAX_NEW_TOKENS,
        /** The sequence is as long as the model was made for. */
        MAX_POSITIONS
    }

    /**
     * A continuation.
     *
     * @param text without the end and without a stop string
     * @param promptTokens read
     * @param newTokens made, with the end if it came
     * @param end why it ended
     */
    public record Answer(String text, int promptTokens, int newTokens, End end) {}

    /** Hears the pieces of a text as they become certain. */
    @FunctionalInterface
    public interface TextListener {
        /** @param row number of the prompt, from 0 */
        void onText(int row, String piece);
    }

    /**
     * Continues prompts that are tokenized already.
     *
     * @return one for each prompt, in their order
     */
    public List<Answer> generate(List<long[]> prompts, Request request, TextListener listener) {
        Set<Long> stopIds = request.stopIds();
        List<Text> texts = new ArrayList<>();
        prompts.forEach(prompt ->
                texts.add(new Text(new StreamingDecoder(tokenizer, prompt), new StopStrings(request.stopStrings()))));
        List<Continuation> made =
                generator.generate(prompts, request.maxNewTokens(), stopIds, request.sampling(), (row, id) -> {
                    if (!stopIds.contains(id)) {
                        Text text = texts.get(row);
                        text.say(text.stops().add(text.decoder().add(id)), row, listener);
                        return !text.stops().isFound();
                    }
                    return true;
                });
        List<Answer> answers = new ArrayList<>();
        for (int i = 0; i < made.size(); i++) {
            Text text = texts.get(i);
            text.say(text.stops().add(text.decoder().finish()), i, listener);
            text.say(text.stops().finish(), i, listener);
            End end = text.stops().isFound() ? End.STOP_STRING : end(made.get(i).stop());
            answers.add(new Answer(
                    text.said().toString(), prompts.get(i).length, made.get(i).ids().length, end));
        }
        return answers;
    }

    private static End end(Stop stop) {
        return switch (stop) {
            case STOP_ID -> End.STOP_ID;
            case LISTENER -> End.STOP_STRING;
            case MAX_NEW_TOKENS -> End.MAX_NEW_TOKENS;
            case MAX_POSITIONS -> End.MAX_POSITIONS;
        };
    }

    /** One text as it grows. */
    private record Text(StreamingDecoder decoder, StopStrings stops, StringBuilder said) {
        Text(StreamingDecoder decoder, StopStrings stops) {
            this(decoder, stops, new StringBuilder());
        }

        void say(String piece, int row, TextListener listener) {
            if (!piece.isEmpty()) {
                said.append(piece);
                listener.onText(row, piece);
            }
        }
    }
}
