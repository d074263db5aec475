package org.loft4j.infer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.IntFunction;
import org.loft4j.infer.BeamConfig.EarlyStopping;
import org.loft4j.infer.Continuation.Stop;
import org.loft4j.nn.PromptSampler;
import org.loft4j.nn.PromptSampler.Draft;

/**
 * The beams of one prompt, as {@code GenerationMixin._beam_search} of Transformers 5.3 has them: of all tokens behind all beams the
 * likeliest texts go on, and of these the best that end are kept. Scores are summed up in float32, as there; of equal ones the
 * earlier beam and the lower id come first.
 */
final class Beams {
    /** What a place among the ended texts is worth that none has taken. */
    private static final float NONE = -1e9f;

    private final int number;
    private final int begun;
    private final int limit;
    private final Stop last;
    private final SamplingConfig sampling;
    private final TokenRules rules;
    private final List<Ended> ended = new ArrayList<>();
    private List<Beam> running;
    private boolean open = true;
    private int size;

    /**
     * A text that may go on.
     *
     * @param from which beam it was before its last token
     * @param ids from the prompt on
     * @param score sum of the logarithms of its tokens' probabilities
     * @param draft of what is written
     */
    private record Beam(int from, long[] ids, float score, Draft draft) {}

    /** One that does not; its score is that for its length. */
    private record Ended(long[] ids, float score, Stop stop) {}

    /**
     * @param number of the prompt in the call
     * @param prompt what stands before the first token
     * @param limit how many may be written at most
     * @param last why no more than that
     * @param draft of which nothing is written
     */
    Beams(int number, long[] prompt, int limit, Stop last, SamplingConfig sampling, TokenRules rules, Draft draft) {
        this.number = number;
        this.begun = prompt.length;
        this.limit = limit;
        this.last = last;
        this.sampling = sampling;
        this.rules = rules;
        this.running = List.of(new Beam(0, prompt, 0, draft));
    }

    /** Whether it is to be read further. */
    boolean isOpen() {
        return open;
    }

    /** How many texts are read further: one at first, then as many as there are beams. */
    int count() {
        return running.size();
    }

    /** Which of the beams before each one comes from. */
    int[] from() {
        return running.stream().mapToInt(Beam::from).toArray();
    }

    /** The last token of each. */
    long[] next() {
        return running.stream()
                .mapToLong(beam -> beam.ids()[beam.ids().length - 1])
                .toArray();
    }

    /** @param logProbs of the tokens behind a beam; they are changed */
    void step(IntFunction<float[]> logProbs) {
        int wanted = sampling.beams().count();
        boolean atLast = size == limit - 1;
        OptionalLong forced = rules.forced(size, limit);
        BestTokens best = new BestTokens(Math.max(2, 1 + rules.ends().size()) * wanted);
        BitSet chosen = new BitSet();
        for (int i = 0; i < running.size(); i++) {
            Beam beam = running.get(i);
            float[] scores = logProbs.apply(i);
            penalise(scores, beam);
            rules.hide(scores, beam.ids(), beam.ids().length, size);
            if (forced.isEmpty()) {
                best.offer(i, beam.score(), scores);
            } else {
                best.offer(i, forced.getAsLong(), beam.score());
                chosen.set(i, Sampler.likeliest(scores) == forced.getAsLong());
            }
        }
        if (best.count() == 0) {
            // nothing may be written: as where one token is chosen, the first one is
            best.offer(0, 0, running.get(0).score());
        }
        size++;
        List<Beam> further = new ArrayList<>();
        for (int place = 0; place < best.count(); place++) {
            long id = best.id(place);
            boolean ends = rules.ends().contains(id);
            Beam before = running.get(best.beam(place));
            Draft draft = ends ? before.draft() : before.draft().with(id);
            if (!ends && !atLast && !draft.isEnded()) {
                if (further.size() < wanted) {
                    further.add(new Beam(best.beam(place), with(before.ids(), id), best.score(place), draft));
                }
            } else if (place < wanted) {
                boolean cut = rules.cuts(size - 1, limit) && !chosen.get(best.beam(place));
                Stop stop = draft.isEnded() ? Stop.LISTENER : ends && !cut ? Stop.STOP_ID : last;
                end(with(before.ids(), id), best.score(place), stop);
            }
        }
        // an extreme penalty lets no score count: then a text is searched for that ends at all
        open = !further.isEmpty()
                && (ended.isEmpty() || mayBeBetter(further.get(0).score()));
        // a batch has as many beams of each prompt
        for (int i = further.size(); open && i < wanted; i++) {
            Beam first = further.get(0);
            further.add(new Beam(first.from(), first.ids(), Float.NEGATIVE_INFINITY, first.draft()));
        }
        running = further;
    }

    private void penalise(float[] scores, Beam beam) {
        if (sampling.repetitionPenalty() != 1) {
            BitSet seen = new BitSet();
            Arrays.stream(beam.ids()).forEach(id -> seen.set(Math.toIntExact(id)));
            Sampler.penalise(scores, seen, sampling.repetitionPenalty());
        }
    }

    private void end(long[] ids, float score, Stop stop) {
        Ended one = new Ended(ids, score / penalty(size), stop);
        int place = 0;
        while (place < ended.size() && ended.get(place).score() >= one.score()) {
            place++;
        }
        ended.add(place, one);
        if (ended.size() > sampling.beams().count()) {
            ended.remove(ended.size() - 1);
        }
    }

    private boolean mayBeBetter(float best) {
        BeamConfig beams = sampling.beams();
        boolean full = ended.size() == beams.count();
        boolean asLongAsMayBe = beams.earlyStopping() == EarlyStopping.NEVER && beams.lengthPenalty() > 0;
        float possible = best / penalty(asLongAsMayBe ? limit : size);
        return possible > (full ? ended.get(ended.size() - 1).score() : NONE)
                && !(full && beams.earlyStopping() == EarlyStopping.TRUE);
    }

    private float penalty(int length) {
        return (float) Math.pow(length, sampling.beams().lengthPenalty());
    }

    private static long[] with(long[] ids, long id) {
        long[] more = Arrays.copyOf(ids, ids.length + 1);
        more[ids.length] = id;
        return more;
    }

    /** Once it is open no more: the best text, of which the listener hears token by token, and which it may cut. */
    Continuation told(PromptSampler.Listener listener) {
        Ended best = ended.get(0);
        long[] ids = Arrays.copyOfRange(best.ids(), begun, best.ids().length);
        for (int i = 0; i < ids.length; i++) {
            boolean more = listener.onToken(number, ids[i]);
            boolean stopped = i == ids.length - 1 && best.stop() == Stop.STOP_ID;
            if (!more && !stopped) {
                return new Continuation(Arrays.copyOf(ids, i + 1), Stop.LISTENER);
            }
        }
        return new Continuation(ids, best.stop());
    }
}
