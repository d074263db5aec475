package org.loft4j.data.jinja;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code for}.
 *
 * @param only of the items, those for which this holds; null for all
 * @param none what runs where there is no item
 */
record ForLoop(
        List<String> targets, Expression items, @Nullable Expression only, Statement body, Statement none)
        implements Statement {
    @Override
    public Flow run(Frame frame) {
        List<@Nullable Object> all = Values.list(items.evaluate(frame), frame.rendering);
        if (only != null) {
            List<@Nullable Object> chosen = new ArrayList<>();
            for (Object item : all) {
                Frame inner = frame.inner();
                Statements.bind(targets, item, inner);
                if (Values.truth(only.evaluate(inner))) {
                    chosen.add(item);
                }
            }
            all = chosen;
        }
        if (all.isEmpty()) {
            return none.run(frame.inner());
        }
        LoopState loop = new LoopState(all);
        for (Object item : all) {
            frame.rendering.step();
            Frame inner = frame.inner();
            Statements.bind(targets, item, inner);
            inner.set("loop", loop);
            if (body.run(inner) == Flow.BREAK) {
                break;
            }
            loop.advance();
        }
        return Flow.NEXT;
    }
}
