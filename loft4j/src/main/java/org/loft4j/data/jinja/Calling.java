package org.loft4j.data.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A call.
 *
 * @param function what is called
 * @param values its arguments by position
 * @param named its arguments by name
 */
record Calling(Expression function, List<Expression> values, Map<String, Expression> named) implements Expression {
    @Override
    public @Nullable Object evaluate(Frame frame) {
        return call(frame, Map.of());
    }

    @Nullable
    Object call(Frame frame, Map<String, Object> more) {
        Object target = function.evaluate(frame);
        if (target instanceof Undefined undefined) {
            throw undefined.fault();
        }
        if (!(target instanceof Callable callable)) {
            throw new TemplateException(Values.repr(target) + " is no function");
        }
        frame.rendering.step();
        Arguments arguments = arguments(frame, values, named);
        arguments.named().putAll(more);
        return callable.call(arguments);
    }

    static Arguments arguments(Frame frame, List<Expression> values, Map<String, Expression> named) {
        List<@Nullable Object> made = new ArrayList<>();
        for (Expression value : values) {
            made.add(value.evaluate(frame));
        }
        Map<String, @Nullable Object> byName = new LinkedHashMap<>();
        named.forEach((name, value) -> byName.put(name, value.evaluate(frame)));
        return new Arguments(frame, made, byName);
    }
}
