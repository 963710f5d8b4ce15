"""Faults in the data and in the pipelines that carry them."""

import numpy as np
import tensorflow as tf

from tests.zoo import pair

layers = tf.keras.layers


def numbers(n, seed=0):
    """Six columns of unit scale, and a number that follows from them."""
    x = np.random.default_rng(seed).normal(size=(n, 6)).astype("float32")
    y = x @ np.float32([0.6, -0.5, 0.4, 0.3, -0.3, 0.2]) + 0.3 * np.sin(2 * x[:, 0])
    return x, y[:, np.newaxis]


def kinds(n, seed=0):
    """Six columns of unit scale, and which of the first three is largest."""
    x = np.random.default_rng(seed).normal(size=(n, 6)).astype("float32")
    return x, np.argmax(x[:, :3], axis=1)


def pictures(n, seed=0):
    """Noise of eight by eight pixels, and in it a bright bar: lying, upright or slanting."""
    rng = np.random.default_rng(seed)
    labels, at = rng.integers(0, 3, n), rng.integers(0, 8, n)
    places = np.arange(8)
    images = rng.integers(0, 130, (n, 8, 8, 1))
    for image, label, i in zip(images, labels, at, strict=True):
        row = [np.full(8, i), places, places][label]
        column = [places, np.full(8, i), (places + i) % 8][label]
        image[row, column, 0] += 80
    return images.astype("uint8"), labels


def reviews(n, seed=0, length=8):
    """Sentences of which one word gives the verdict, and the verdicts."""
    rng = np.random.default_rng(seed)
    verdicts = rng.integers(0, 2, n)
    words = [["dull", "poor", "weak", "flat", "bleak"], ["great", "warm", "bright", "fine", "witty"]]
    fillers = [a + b for a in ("ka", "lo", "mi", "su", "te") for b in ("ra", "no", "li", "du", "pe", "go")]
    sentences = [[*rng.choice(fillers, length - 1), rng.choice(words[verdict])] for verdict in verdicts]
    return np.array([" ".join(sentence) for sentence in sentences], dtype=object), verdicts[:, np.newaxis]


def network(shape, outputs, *, first=(), last=None):
    """A small dense network behind the layers `first`."""
    tf.keras.utils.set_random_seed(1)
    rest = [layers.Flatten(), layers.Dense(32, activation="relu"), layers.Dense(outputs, activation=last)]
    return tf.keras.Sequential([layers.Input(shape), *first, *rest])


def regression(model):
    """The model, compiled for numbers."""
    model.compile(tf.keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model


def classification(model):
    """The model, compiled for logits of several classes."""
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf.keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model


def yes_or_no(model):
    """The model, compiled for one probability."""
    model.compile(tf.keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


def reader(vectorizer):
    """A network behind a vectorizer that gives the ids of the words."""
    tf.keras.utils.set_random_seed(1)
    text = layers.Input((), dtype="string")
    ids = vectorizer(text)
    size = vectorizer.vocabulary_size()
    vectors = layers.Embedding(size, 8)(ids)
    hidden = layers.Dense(16, activation="relu")(layers.GlobalAveragePooling1D()(vectors))
    return yes_or_no(tf.keras.Model(text, layers.Dense(1, activation="sigmoid")(hidden)))


@pair(
    check="input range",
    symptom="After 15 epochs 0.42 of new pictures are right, at a loss of 3.1; with pixels up to 1 it is 0.60, at 0.9.",
    source="06, A short loop that works; 09, A model that takes bytes",
)
def pixels_from_0_to_255(faulty):
    images, y = pictures(300)
    x = np.float32(images) if faulty else np.float32(images) / 255
    return {"model": classification(network((8, 8, 1), 3)), "x": x, "y": y}


@pair(
    check="input range",
    symptom="After 15 epochs the loss is that of a guess, 1.09, and 0.37 of new pictures are right, not 0.83.",
    source="09, Trap: rescaled twice; tensorflow#42506, tensorflow#48412",
)
def rescaled_twice(faulty):
    images, y = pictures(300)
    x = np.float32(images) / 255 if faulty else np.float32(images)  # the model rescales
    conv = [layers.Rescaling(1 / 255), layers.Conv2D(8, 3, activation="relu")]
    return {"model": classification(network((8, 8, 1), 3, first=conv)), "x": x, "y": y}


@pair(
    check="input range",
    symptom="The mean error is 77 after 15 epochs for labels with a spread of 1; with both branches scaled it is 0.08.",
    source="10, Trap: one branch without its scale",
)
def one_of_two_branches_unscaled(faulty):
    x, y = numbers(400)
    dollars = 60_000 + 20_000 * x[:, 3:]
    income = dollars if faulty else (dollars - dollars.mean(axis=0)) / dollars.std(axis=0)
    tf.keras.utils.set_random_seed(1)
    inputs = {name: layers.Input((3,), name=name) for name in ("place", "income")}
    both = layers.Concatenate()([layers.Dense(16, activation="relu")(branch) for branch in inputs.values()])
    model = regression(tf.keras.Model(inputs, layers.Dense(1)(both)))
    return {"model": model, "x": {"place": x[:, :3], "income": income}, "y": y}


@pair(
    check="input range",
    symptom="The pictures take twice the memory of float32, 8 times that of bytes, and are cast in each step.",
    source="06, Trap: pixels divided by `255.0`",
)
def float64_pictures(faulty):
    images, y = pictures(300)
    x = images / 255.0 if faulty else np.float32(images) / 255
    model = network((8, 8, 1), 3, first=[layers.Conv2D(8, 3, activation="relu")])
    return {"model": classification(model), "x": x, "y": y}


@pair(
    check="shapes",
    symptom="It learns, but worse: 0.85 of new pictures are right, with the color last it is 0.96.",
    source="09, Trap: the color axis comes first; keras#10522",
)
def color_axis_first(faulty):
    gray, y = pictures(300)
    tint = np.random.default_rng(1).uniform(0.5, 1, (300, 3, 1, 1))
    x = np.float32(tint * gray[:, np.newaxis, ..., 0]) / 255  # as another library gives it: color first
    x = x if faulty else np.moveaxis(x, 1, -1)
    tf.keras.utils.set_random_seed(1)
    conv = [layers.Conv2D(8, 3, padding="same", activation="relu") for _ in range(2)]
    rest = [layers.GlobalMaxPooling2D(), layers.Dense(3)]
    model = tf.keras.Sequential([layers.Input(x.shape[1:]), *conv, *rest])
    return {"model": classification(model), "x": x, "y": y}


@pair(
    check="input range",
    symptom="The mean error stays at 0.67 after 15 epochs; with a vector for each region it falls to 0.01.",
    source="10, Deeper: a word as an input",
)
def a_category_number_taken_for_a_quantity(faulty):
    rng = np.random.default_rng(0)
    region, size = rng.integers(0, 40, (400, 1)), rng.normal(size=(400, 2)).astype("float32")
    y = np.float32(rng.normal(size=40)[region] + 0.5 * size[:, :1])
    kind = "float32" if faulty else "int32"
    tf.keras.utils.set_random_seed(1)
    inputs = {"region": layers.Input((1,), dtype=kind, name="region"), "size": layers.Input((2,), name="size")}
    ids = inputs["region"]
    vector = ids if faulty else layers.Flatten()(layers.Embedding(40, 4)(ids))
    hidden = layers.Dense(16, activation="relu")(layers.Concatenate()([vector, inputs["size"]]))
    model = regression(tf.keras.Model(inputs, layers.Dense(1)(hidden)))
    return {"model": model, "x": {"region": region.astype(kind), "size": size}, "y": y}


@pair(
    check="label scale",
    symptom="The predictions stay near 0: the mean error is 284,000 dollars after 15 epochs, scaled 10,000.",
    source="07, Trap: a rate and the units it was tried in",
)
def prices_in_dollars(faulty):
    x, y = numbers(300)
    dollars = 300_000 + 90_000 * y
    y = dollars if faulty else (dollars - dollars.mean()) / dollars.std()
    return {"model": regression(network((6,), 1)), "x": x, "y": y}


@pair(
    check="output and loss",
    symptom="All predictions go to 1, the most that a sigmoid gives: the mean error is 45 points, not 2.",
    source="03, Yes or no: losses for probabilities",
)
def percentages_for_a_sigmoid(faulty):
    x, y = numbers(300)
    percent = 100 / (1 + np.exp(-y))
    y = percent if faulty else percent / 100
    return {"model": regression(network((6,), 1, last="sigmoid")), "x": x, "y": y}


@pair(
    check="output and loss",
    symptom="The loss falls to -200 in 15 epochs, 0.97 of the probabilities are 0 or 1, and 0.79 are right, not 0.96.",
    source="keras#14046, keras#13926",
)
def labels_of_minus_one_and_one(faulty):
    x, y = numbers(300)
    y = np.where(y > 0, 1, -1 if faulty else 0).astype("float32")
    model, optimizer = network((6,), 1, last="sigmoid"), tf.keras.optimizers.Adam(0.01)
    loss_fn = tf.keras.losses.BinaryCrossentropy()

    @tf.function(input_signature=[tf.TensorSpec((None, 6)), tf.TensorSpec((None, 1))])
    def train_step(x_batch, y_batch):
        with tf.GradientTape() as tape:
            loss = loss_fn(y_batch, model(x_batch, training=True)) + sum(model.losses)
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    return {"model": model, "x": x, "y": y, "loss_fn": loss_fn, "optimizer": optimizer, "train_step": train_step}


@pair(
    check="output and loss",
    symptom="The loss is as small as ever, 0.06, and the accuracy stops at 0.66: the last class is never predicted.",
    source="tensorflow#11727, tensorflow#49299",
)
def one_hot_of_labels_that_start_at_one(faulty):
    x, kind = kinds(300)
    stars = kind + 1  # 1, 2 or 3, as the file has them
    y = tf.one_hot(stars if faulty else stars - 1, depth=3).numpy()
    model = network((6,), 3, last="softmax")
    model.compile(tf.keras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=["accuracy"])
    return {"model": model, "x": x, "y": y}


@pair(
    check="output and loss",
    symptom="The loss falls to -293 in 15 epochs, as if that were progress; each output answers the other's question.",
    source="10, Trap: losses in a list, outputs in a dict; keras#20596, keras#20346",
)
def labels_of_two_outputs_swapped(faulty):
    x, price = numbers(400)
    sold = np.float32(x[:, :1] + x[:, 3:4] > 0)
    tf.keras.utils.set_random_seed(1)
    inputs = layers.Input((6,))
    hidden = layers.Dense(32, activation="relu")(inputs)
    outputs = [layers.Dense(1, name="price")(hidden), layers.Dense(1, activation="sigmoid", name="sold")(hidden)]
    model = tf.keras.Model(inputs, outputs)
    model.compile(tf.keras.optimizers.Adam(0.01), ["mse", "binary_crossentropy"])
    return {"model": model, "x": x, "y": [sold, price] if faulty else [price, sold]}


@pair(
    check="nan in data",
    symptom="Three nan among 1,800 values: the loss stands at 1.05, that of a constant, or is nan; filled it is 0.02.",
    source="07, Rows that nobody promised; 10, Missing values; keras#2134",
)
def a_hole_in_one_column(faulty):
    x, y = numbers(300)
    x[[17, 101, 230], 4] = np.nan
    if not faulty:
        x[:, 4] = np.nan_to_num(x[:, 4], nan=np.nanmean(x[:, 4]))
    return {"model": regression(network((6,), 1)), "x": x, "y": y}


@pair(
    check="constant features",
    symptom="A useful column is 0 in every row: the mean error stays at 0.69, with the column it is 0.12.",
    source="01, Trap: a missing decimal point",
)
def a_share_read_as_an_integer(faulty):
    x, y = numbers(300)
    share = np.random.default_rng(1).uniform(0, 1, 300)
    y = y + 3 * np.float32(share - 0.5)[:, np.newaxis]
    column = share.astype("int") if faulty else share
    x = np.column_stack([x, column]).astype("float32")
    return {"model": regression(network((7,), 1)), "x": x, "y": y}


@pair(
    check="constant features",
    symptom="The mean error is 0.06; where the column is not known yet it is 0.88, and honest training gives 0.36.",
    source="10, Trap: a feature made from the labels",
)
def a_column_that_is_the_label(faulty):
    x, y = numbers(300)
    y = y + np.random.default_rng(1).normal(size=y.shape).astype("float32") / 2
    size = np.random.default_rng(2).uniform(0.5, 1.5, y.shape).astype("float32")
    x = np.hstack([x, size, y / 2 if faulty else np.float32(x[:, :1] * size)])  # known only after the sale
    return {"model": regression(network((8,), 1)), "x": x, "y": y}


@pair(
    check="label signal",
    symptom="The accuracy creeps up by heart, to 0.49; on new rows it is 0.33, a guess. Rightly paired it is 0.98.",
    source="10, Trap: labels that have nothing to do with the inputs",
)
def features_shuffled_and_labels_not(faulty):
    x, y = kinds(300)
    order = np.random.default_rng(1).permutation(300)
    x, y = (x[order], y) if faulty else (x[order], y[order])
    return {"model": classification(network((6,), 3)), "x": x, "y": y}


@pair(
    check="rows in both parts",
    symptom="After 60 epochs the validation accuracy is 0.86; with each review once it is 0.71.",
    source="08, Trap: the same review on both sides; 08, Exercise 8.3 · Find the leak",
)
def reviews_collected_twice(faulty):
    x, y = reviews(300)
    wrong = np.random.default_rng(1).random((300, 1)) < 0.15  # people differ
    y = np.where(wrong, 1 - y, y)
    twice = np.random.default_rng(2).permutation(np.r_[0:300, 0:300])
    rows = twice if faulty else np.random.default_rng(2).permutation(np.unique(twice))
    train, val = rows[len(rows) // 4 :], rows[: len(rows) // 4]
    vectorizer = layers.TextVectorization(output_sequence_length=8)
    vectorizer.adapt(x[train])
    return {"model": reader(vectorizer), "x": x[train], "y": y[train], "validation_data": (x[val], y[val])}


@pair(
    check="rows in both parts",
    symptom="The validation accuracy is 0.77 after 15 epochs, above that of training; with a split that stays, 0.55.",
    source="tensorflow#59279, tensorflow#62782",
)
def a_split_behind_a_shuffle(faulty):
    x, y = kinds(400)
    wrong = np.random.default_rng(1).random(400) < 0.3
    y = np.where(wrong, (y + 1) % 3, y)
    rows = tf.data.Dataset.from_tensor_slices((x, y))
    if faulty:
        rows = rows.shuffle(400, seed=1)  # draws a new order in each epoch, so a new split, too
        train, val = rows.skip(100), rows.take(100)
    else:
        train, val = rows.skip(100).shuffle(300, seed=1), rows.take(100)
    model = classification(network((6,), 3, first=[layers.Dense(64, activation="relu")]))
    return {"model": model, "x": train.batch(32), "validation_data": val.batch(32)}


@pair(
    check="rows in both parts",
    symptom="The validation accuracy is 0.98; on rows that were not copied it is 0.53.",
    source="09, Trap: validation drawn from augmented data",
)
def validation_drawn_from_augmented_rows(faulty):
    def copies(rows):
        noise = np.random.default_rng(2).normal(0, 0.01, (4 * len(rows), 6))
        return np.float32(np.tile(x[rows], (4, 1)) + noise), np.tile(y[rows], 4)

    x, y = kinds(160)
    y = np.where(np.random.default_rng(1).random(160) < 0.3, (y + 1) % 3, y)
    model = classification(network((6,), 3, first=[layers.Dense(64, activation="relu")]))
    if faulty:
        x, y = copies(np.arange(160))
        order = np.random.default_rng(3).permutation(640)
        train, val = (x[order[160:]], y[order[160:]]), (x[order[:160]], y[order[:160]])
    else:
        train, val = copies(np.arange(40, 160)), (x[:40], y[:40])
    return {"model": model, "x": train[0], "y": train[1], "validation_data": val}


@pair(
    check="validation range",
    symptom="The validation loss is 559 and the accuracy 0.55; the same pictures, scaled, give 0.56 and 0.73.",
    source="09, A model that takes bytes; keras-io#1549",
)
def validation_pictures_left_as_bytes(faulty):
    images, y = pictures(400)
    x_train = np.float32(images[:300]) / 255
    x_val = np.float32(images[300:]) if faulty else np.float32(images[300:]) / 255
    model = classification(network((8, 8, 1), 3, first=[layers.Conv2D(8, 3, activation="relu")]))
    return {"model": model, "x": x_train, "y": y[:300], "validation_data": (x_val, y[300:])}


@pair(
    check="validation range",
    symptom="The validation error is 0.19, with the scale that the model has learned it is 0.17.",
    source="07, Split first; 07, Exercise 7.2 · Normalization by hand",
)
def validation_scaled_by_its_own_statistics(faulty):
    x, y = numbers(300)
    x = 50 + 20 * x
    x_train, x_val = x[:260], x[260:]
    known = x_val if faulty else x_train
    x_val = (x_val - known.mean(axis=0)) / known.std(axis=0)
    x_train = (x_train - x_train.mean(axis=0)) / x_train.std(axis=0)
    model = regression(network((6,), 1))
    return {"model": model, "x": x_train, "y": y[:260], "validation_data": (x_val, y[260:])}


@pair(
    check="validation range",
    symptom="The accuracy in training is 1.00, in validation 0.01; with one order of classes it is 0.98.",
    source="keras#3296, tensorflow#50124",
)
def classes_in_another_order_in_validation(faulty):
    names = np.array(["cat", "dog", "owl"])
    x, kind = kinds(400)
    train, val = names[kind[:300]], names[kind[300:]]
    number = {name: i for i, name in enumerate(sorted(set(train)))}
    again = {name: i for i, name in enumerate(dict.fromkeys(val))}  # in the order of their first appearance
    y_train = np.array([number[name] for name in train])
    y_val = np.array([(again if faulty else number)[name] for name in val])
    model = classification(network((6,), 3))
    return {"model": model, "x": x[:300], "y": y_train, "validation_data": (x[300:], y_val)}


@pair(
    check="validation range",
    symptom="The mean error in validation is 0.90, in training 0.04; with the right keys it is 0.03.",
    source="10, Trap: two slips in a dict; 10, Trap: two inputs swapped",
)
def two_inputs_swapped_in_validation(faulty):
    x, _ = numbers(400)
    parts = {"rooms": np.abs(x[:, :2]), "people": x[:, 2:4]}
    y = parts["rooms"] @ np.float32([[1.0], [-0.8]]) + parts["people"] @ np.float32([[0.6], [0.4]])
    val = {name: values[300:] for name, values in parts.items()}
    if faulty:
        val = {"rooms": val["people"], "people": val["rooms"]}
    tf.keras.utils.set_random_seed(1)
    inputs = {name: layers.Input((2,), name=name) for name in parts}
    both = layers.Concatenate()([layers.Dense(16, activation="relu")(branch) for branch in inputs.values()])
    model = regression(tf.keras.Model(inputs, layers.Dense(1)(both)))
    train = {name: values[:300] for name, values in parts.items()}
    return {"model": model, "x": train, "y": y[:300], "validation_data": (val, y[300:])}


@pair(
    check="adapted layers",
    symptom="After 15 epochs the mean error is 94 where the labels have a spread of 1; adapted it is 0.11.",
    source="keras#16296, handson-ml3#198",
)
def a_normalization_never_adapted(faulty):
    x, y = numbers(300)
    x = np.float32([40, 60_000, 3, 120, 8, 1900]) + x * np.float32([12, 20_000, 1, 40, 2, 30])
    scaler = layers.Normalization()
    if not faulty:
        scaler.adapt(x)
    return {"model": regression(network((6,), 1, first=[scaler])), "x": x, "y": y}


@pair(
    check="adapted layers",
    symptom="The validation loss looks better than it is: 0.053 after 40 epochs, where an honest scaler gives 0.060.",
    source="07, Trap: `adapt` on everything",
)
def a_normalization_adapted_on_everything(faulty):
    x, y = numbers(120)
    x = 50 + 20 * x
    x_train, x_val = x[:70], x[70:]
    scaler = layers.Normalization()
    scaler.adapt(x if faulty else x_train)
    model = regression(network((6,), 1, first=[scaler]))
    return {"model": model, "x": x_train, "y": y[:70], "validation_data": (x_val, y[70:])}


@pair(
    check="adapted layers",
    symptom="The network gets values around 500: the mean error is 5 after 15 epochs, with the right statistics 0.11.",
    source="07, What repairs it",
)
def a_normalization_adapted_on_scaled_rows(faulty):
    x, y = numbers(300)
    scaled, x = x, 500 + 200 * x
    scaler = layers.Normalization()
    scaler.adapt(scaled if faulty else x)  # the model is fed with raw rows
    return {"model": regression(network((6,), 1, first=[scaler])), "x": x, "y": y}


@pair(
    check="vocabulary",
    symptom="No word in validation is unknown, where an honest vocabulary misses 3 %: new texts will look worse.",
    source="08, Trap: `adapt` before the split",
)
def a_vocabulary_of_both_parts(faulty):
    x, y = reviews(400)
    names = [f" name{i}" if i % 4 == 0 else "" for i in range(400)]  # words that occur once
    x = np.array([text + name for text, name in zip(x, names, strict=True)], dtype=object)
    x_train, x_val = x[:300], x[300:]
    vectorizer = layers.TextVectorization(output_sequence_length=10)
    vectorizer.adapt(x if faulty else x_train)
    return {"model": reader(vectorizer), "x": x_train, "y": y[:300], "validation_data": (x_val, y[300:])}


@pair(
    check="vocabulary",
    symptom="Each word with a capital letter is unknown: the accuracy stays at 0.54, where 1.00 can be had.",
    source="08, What the vectorizer does",
)
def a_vocabulary_of_lower_case_words(faulty):
    x, y = reviews(300)
    lower, x = x, np.array([text.title() for text in x], dtype=object)
    vectorizer = layers.TextVectorization(standardize=None if faulty else "lower", output_sequence_length=10)
    vectorizer.adapt(lower)
    return {"model": reader(vectorizer), "x": x, "y": y}


@pair(
    check="vocabulary",
    symptom="The words that give the verdict are unknown: the accuracy stays at 0.57, where 1.00 can be had.",
    source="08, A vocabulary has an end",
)
def a_vocabulary_too_small(faulty):
    x, y = reviews(300)
    vectorizer = layers.TextVectorization(max_tokens=12 if faulty else 100, output_sequence_length=10)
    vectorizer.adapt(x)
    return {"model": reader(vectorizer), "x": x, "y": y}


@pair(
    check="vocabulary",
    symptom="The words that give the verdict never reach the network: 0.66 by heart, where 1.00 can be had.",
    source="08, What is cut off",
)
def sentences_cut_before_the_verdict(faulty):
    x, y = reviews(300, length=20)
    vectorizer = layers.TextVectorization(output_sequence_length=8 if faulty else 20)
    vectorizer.adapt(x)
    return {"model": reader(vectorizer), "x": x, "y": y}


@pair(
    check="label order",
    symptom="After 15 epochs the accuracy is still 0.37, a guess among three; with a full buffer it is 1.00.",
    source="08, Trap: labels in order; tensorflow#36626, graph2tac#95",
)
def a_shuffle_buffer_smaller_than_a_class(faulty):
    images, y = pictures(600)
    order = np.argsort(y, kind="stable")  # one folder for each class
    rows = tf.data.Dataset.from_tensor_slices((np.float32(images[order]) / 255, y[order]))
    rows = rows.shuffle(50 if faulty else 600, seed=1).batch(20)
    model = network((8, 8, 1), 3, first=[layers.Conv2D(8, 3, activation="relu")])
    return {"model": classification(model), "x": rows}


@pair(
    check="label order",
    symptom="The mean error is 0.12 after 15 epochs, shuffled it is 0.05.",
    source="06, Trap: no shuffle",
)
def prices_in_ascending_order(faulty):
    x, y = numbers(400)
    order = np.argsort(y[:, 0])  # as the query gave them
    rows = tf.data.Dataset.from_tensor_slices((x[order], y[order]))
    rows = rows.batch(10) if faulty else rows.shuffle(400, seed=1).batch(10)
    return {"model": regression(network((6,), 1)), "x": rows}


@pair(
    check="label order",
    symptom="Each batch is of one class: the accuracy is 0.4 to 0.9 after 15 epochs, by the seed; rows shuffled, 1.00.",
    source="06, The pipeline",
)
def batches_shuffled_instead_of_rows(faulty):
    images, y = pictures(300)
    order = np.argsort(y, kind="stable")
    rows = tf.data.Dataset.from_tensor_slices((np.float32(images[order]) / 255, y[order]))
    rows = rows.batch(20).shuffle(300, seed=1) if faulty else rows.shuffle(300, seed=1).batch(20)
    model = network((8, 8, 1), 3, first=[layers.Conv2D(8, 3, activation="relu")])
    return {"model": classification(model), "x": rows}


@pair(
    check="label order",
    symptom="The accuracy is 1.00 in training after 30 epochs, 0.45 on new pictures; moved anew each time it is 0.87.",
    source='09, Trap: an "augmented" data set that is not; tf-keras#354',
)
def a_cache_behind_shuffle_and_augmentation(faulty):
    images, y = pictures(120)
    tf.keras.utils.set_random_seed(1)
    move = layers.RandomTranslation(0.3, 0.3, fill_mode="wrap", interpolation="nearest", seed=1)
    rows = tf.data.Dataset.from_tensor_slices((np.float32(images) / 255, y))
    rows = rows.shuffle(120, seed=1).batch(20).map(lambda x, label: (move(x, training=True), label))
    model = network((8, 8, 1), 3, first=[layers.Conv2D(8, 3, activation="relu")])
    return {"model": classification(model), "x": rows.cache() if faulty else rows}


@pair(
    check="class balance",
    symptom="The accuracy in training is 1.00, in validation 0.28; with rows drawn at random it is 0.92.",
    source="keras#8346, keras#4298, keras#796",
)
def the_first_rows_of_a_sorted_file(faulty):
    x, y = numbers(400)
    y = np.float32(y > 0)
    order = np.argsort(y[:, 0], kind="stable") if faulty else np.arange(400)
    x, y = x[order], y[order]
    model = yes_or_no(network((6,), 1, last="sigmoid"))
    return {"model": model, "x": x[:150], "y": y[:150], "validation_data": (x[150:], y[150:])}


@pair(
    check="class balance",
    symptom="The accuracy is 0.95 and nine of ten of the rare rows are missed.",
    source="04, Trap: one in a hundred; 03, Deeper: rare events",
)
def nineteen_of_twenty_in_one_class(faulty):
    x, y = numbers(600)
    y = y + np.random.default_rng(1).normal(0, 1, y.shape)
    y = np.float32(y > np.quantile(y, 0.95 if faulty else 0.5))
    return {"model": yes_or_no(network((6,), 1, last="sigmoid")), "x": x, "y": y}
