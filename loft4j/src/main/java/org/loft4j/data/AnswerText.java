package org.loft4j.data;

import java.util.List;
import java.util.Set;

/** The text of an answer whose ids come one by one: without what ends it. */
public final class AnswerText {
    private final StreamingDecoder decoder;
    private final List<String> stops;
    private final Set<Long> stopIds;
    private final StringBuilder text = new StringBuilder();
    private boolean ended;

    AnswerText(StreamingDecoder decoder, List<String> stops, Set<Long> stopIds) {
        this.decoder = decoder;
        this.stops = stops;
        this.stopIds = stopIds;
    }

    /** Takes the next id, and says whether the answer goes on behind it. */
    public boolean add(long id) {
        ended = stopIds.contains(id);
        if (!ended) {
            text.append(decoder.add(id));
            cut();
        }
        return !ended;
    }

    private void cut() {
        for (String stop : stops) {
            int at = text.indexOf(stop);
            if (at >= 0) {
                text.setLength(at);
                ended = true;
            }
        }
    }

    /** Whether the answer has come to its end, and was not cut off. */
    public boolean hasEnded() {
        return ended;
    }

    /** The whole text; to be asked once, when no id is left. */
    public String finish() {
        if (!ended) {
            text.append(decoder.finish());
            cut();
        }
        return text.toString();
    }
}
