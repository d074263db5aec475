package org.loft4j.data.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The plainer statements. */
final class Statements {
    static final Statement NOTHING = frame -> Statement.Flow.NEXT;

    private Statements() {}

    /** Notes the line, for errors. */
    static Statement at(int line, Statement statement) {
        return frame -> {
            frame.rendering.line = line;
            frame.rendering.step();
            return statement.run(frame);
        };
    }

    static Statement sequence(List<Statement> statements) {
        Statement[] all = statements.toArray(Statement[]::new);
        return frame -> {
            for (Statement statement : all) {
                Statement.Flow flow = statement.run(frame);
                if (flow != Statement.Flow.NEXT) {
                    return flow;
                }
            }
            return Statement.Flow.NEXT;
        };
    }

    static Statement branch(Expression condition, Statement then, Statement otherwise) {
        return frame -> (Values.truth(condition.evaluate(frame)) ? then : otherwise).run(frame);
    }

    /** The text of a body. */
    static String capture(Statement body, Frame frame) {
        Frame inner = frame.captured();
        body.run(inner);
        return inner.output.toString();
    }

    /** @param attribute of a namespace; null to set variables */
    static Statement assign(List<String> targets, @Nullable String attribute, Expression value) {
        return frame -> {
            Object made = value.evaluate(frame);
            if (attribute == null) {
                bind(targets, made, frame);
            } else if (frame.get(targets.get(0)) instanceof Namespace namespace) {
                namespace.values().put(attribute, made);
            } else {
                throw new TemplateException("cannot set '" + attribute + "': '" + targets.get(0) + "' is no namespace");
            }
            return Statement.Flow.NEXT;
        };
    }

    static void bind(List<String> targets, @Nullable Object value, Frame frame) {
        if (targets.size() == 1) {
            frame.set(targets.get(0), value);
            return;
        }
        List<@Nullable Object> parts = Values.list(value, frame.rendering);
        if (parts.size() != targets.size()) {
            throw new TemplateException("cannot unpack " + parts.size() + " values into " + targets.size() + " names");
        }
        for (int i = 0; i < parts.size(); i++) {
            frame.set(targets.get(i), parts.get(i));
        }
    }
}
