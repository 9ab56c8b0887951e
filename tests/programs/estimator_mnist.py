from __future__ import absolute_import, division, print_function
import numpy as np, tempfile
import tensorflow as tf
tf.logging.set_verbosity(tf.logging.INFO)
def cnn_model_fn(features, labels, mode, params):
    input_layer = tf.reshape(features["x"], [-1, 28, 28, 1])
    conv1 = tf.layers.conv2d(inputs=input_layer, filters=4, kernel_size=[5, 5], padding="same", activation=tf.nn.relu)
    pool1 = tf.layers.max_pooling2d(inputs=conv1, pool_size=[2, 2], strides=2)
    pool1_flat = tf.reshape(pool1, [-1, 14 * 14 * 4])
    dense = tf.layers.dense(inputs=pool1_flat, units=16, activation=tf.nn.relu)
    dropout = tf.layers.dropout(inputs=dense, rate=0.4, training=mode == tf.estimator.ModeKeys.TRAIN)
    logits = tf.layers.dense(inputs=dropout, units=10)
    predictions = {"classes": tf.argmax(input=logits, axis=1), "probabilities": tf.nn.softmax(logits, name="softmax_tensor")}
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode=mode, predictions=predictions, export_outputs={'classify': tf.estimator.export.PredictOutput(predictions)})
    loss = tf.losses.sparse_softmax_cross_entropy(labels=labels, logits=logits)
    if mode == tf.estimator.ModeKeys.TRAIN:
        optimizer = tf.train.GradientDescentOptimizer(learning_rate=params["lr"])
        train_op = optimizer.minimize(loss=loss, global_step=tf.train.get_global_step())
        return tf.estimator.EstimatorSpec(mode=mode, loss=loss, train_op=train_op)
    eval_metric_ops = {"accuracy": tf.metrics.accuracy(labels=labels, predictions=predictions["classes"])}
    return tf.estimator.EstimatorSpec(mode=mode, loss=loss, eval_metric_ops=eval_metric_ops)
def main(unused_argv):
    mnist = tf.contrib.learn.datasets.load_dataset("mnist")
    train_data = mnist.train.images[:200]; train_labels = np.asarray(mnist.train.labels, dtype=np.int32)[:200]
    eval_data = mnist.test.images[:100]; eval_labels = np.asarray(mnist.test.labels, dtype=np.int32)[:100]
    config = tf.estimator.RunConfig(model_dir=tempfile.mkdtemp(), save_checkpoints_steps=20, tf_random_seed=1)
    mnist_classifier = tf.estimator.Estimator(model_fn=cnn_model_fn, config=config, params={"lr": 0.01})
    logging_hook = tf.train.LoggingTensorHook(tensors={"probabilities": "softmax_tensor"}, every_n_iter=50)
    train_input_fn = tf.estimator.inputs.numpy_input_fn(x={"x": train_data}, y=train_labels, batch_size=20, num_epochs=None, shuffle=True)
    mnist_classifier.train(input_fn=train_input_fn, steps=30, hooks=[logging_hook])
    eval_input_fn = tf.estimator.inputs.numpy_input_fn(x={"x": eval_data}, y=eval_labels, num_epochs=1, shuffle=False)
    print(mnist_classifier.evaluate(input_fn=eval_input_fn))
    preds = list(mnist_classifier.predict(tf.estimator.inputs.numpy_input_fn({"x": eval_data[:5]}, shuffle=False)))
    print([p["classes"] for p in preds])
    train_spec = tf.estimator.TrainSpec(input_fn=train_input_fn, max_steps=40)
    eval_spec = tf.estimator.EvalSpec(input_fn=eval_input_fn, steps=2, throttle_secs=0)
    tf.estimator.train_and_evaluate(mnist_classifier, train_spec, eval_spec)
    print(mnist_classifier.get_variable_names())
if __name__ == "__main__":
    tf.app.run()
