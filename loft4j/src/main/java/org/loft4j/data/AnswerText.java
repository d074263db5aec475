package org.loft4j.data;

import java.util.Set;

/** The text of an answer whose ids come one by one: without what ends it. */
public final class AnswerText {
    private final StreamingDecoder decoder;
    private final StopStrings stops;
    private final Set<Long> stopIds;
    private final StringBuilder text = new StringBuilder();
    private boolean ended;

    AnswerText(StreamingDecoder decoder, StopStrings stops, Set<Long> stopIds) {
        this.decoder = decoder;
        this.stops = stops;
        this.stopIds = stopIds;
    }

    /** Takes the next id, and says whether the answer goes on behind it. */
    public boolean add(long id) {
        ended = stopIds.contains(id);
        if (!ended) {
            text.append(stops.add(decoder.add(id)));
            ended = stops.isFound();
        }
        return !ended;
    }

    /** Whether the answer has come to its end, and was not cut off. */
    public boolean hasEnded() {
        return ended;
    }

    /** The whole text, a character that has not become whole as U+FFFD; to be asked once, when no id is left. */
    public String finish() {
        text.append(stops.add(decoder.finish()));
        ended |= stops.isFound();
        return text.append(stops.finish()).toString();
    }
}
