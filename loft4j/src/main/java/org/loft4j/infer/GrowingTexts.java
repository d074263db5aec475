package org.loft4j.infer;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.loft4j.data.StopStrings;
import org.loft4j.data.StreamingDecoder;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.Continuation.Stop;
import org.loft4j.infer.TextGenerator.Answer;
import org.loft4j.infer.TextGenerator.End;
import org.loft4j.infer.TextGenerator.Request;
import org.loft4j.infer.TextGenerator.TextListener;
import org.loft4j.nn.PromptSampler;

/** Makes texts of the tokens of a batch as they come, each as far as it is certain and up to a stop string. */
final class GrowingTexts implements PromptSampler.Listener {
    private final List<long[]> prompts;
    private final Request request;
    private final TextListener listener;
    private final Runnable beforeStep;
    private final Set<Long> spelled = new HashSet<>();
    private final Set<Long> stopIds = new HashSet<>();
    private final List<Text> texts = new ArrayList<>();

    /**
     * @param goesOn whether a text goes on with its prompt, unless it is a turn
     * @param beforeStep run before each token of the batch; may throw
     */
    GrowingTexts(
            Tokenizer tokenizer,
            List<long[]> prompts,
            Request request,
            boolean goesOn,
            TextListener listener,
            Runnable beforeStep) {
        this.prompts = prompts;
        this.request = request;
        this.listener = listener;
        this.beforeStep = beforeStep;
        // a special token is no part of the text, in which a stop string is looked for
        request.stopStrings().forEach(stop -> tokenizer.specialId(stop).ifPresent(spelled::add));
        stopIds.addAll(spelled);
        stopIds.addAll(request.stopIds());
        for (long[] prompt : prompts) {
            StreamingDecoder decoder =
                    new StreamingDecoder(tokenizer, request.turn() || !goesOn ? new long[0] : prompt);
            texts.add(new Text(decoder, new StopStrings(request.stopStrings())));
        }
    }

    /** The ids that end a text. */
    Set<Long> stopIds() {
        return Set.copyOf(stopIds);
    }

    @Override
    public void onStep() {
        beforeStep.run();
    }

    @Override
    public boolean onToken(int row, long id) {
        if (stopIds.contains(id)) {
            return true;
        }
        Text text = texts.get(row);
        text.say(text.stops().add(text.decoder().add(id)), row, listener);
        return !text.stops().isFound();
    }

    @Override
    public PromptSampler.Draft draft(int row) {
        Text text = texts.get(row);
        return request.stopStrings().isEmpty()
                ? PromptSampler.Draft.ENDLESS
                : new Draft(text.decoder().copy(), text.stops().copy());
    }

    /** What the texts are at last, of which the rest is told. */
    List<Answer> answers(List<Continuation> made) {
        List<Answer> answers = new ArrayList<>();
        for (int i = 0; i < made.size(); i++) {
            Text text = texts.get(i);
            text.say(text.stops().add(text.decoder().finish()), i, listener);
            text.say(text.stops().finish(), i, listener);
            long[] ids = made.get(i).ids();
            long last = ids[ids.length - 1];
            boolean stopped = spelled.contains(last) && !request.stopIds().contains(last);
            End end = stopped || text.stops().isFound()
                    ? End.STOP_STRING
                    : end(made.get(i).stop());
            answers.add(new Answer(text.said().toString(), prompts.get(i).length, ids.length, end));
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

    /** One text of those that may be it. */
    private record Draft(StreamingDecoder decoder, StopStrings stops) implements PromptSampler.Draft {
        @Override
        public Draft with(long id) {
            Draft next = new Draft(decoder.copy(), stops.copy());
            next.stops.add(next.decoder.add(id));
            return next;
        }

        @Override
        public boolean isEnded() {
            return stops.isFound();
        }
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
