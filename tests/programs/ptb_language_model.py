# A language model over words: LSTM cells in a loop, states carried on, three models that share variables.
import time, collections
import numpy as np
import tensorflow as tf
flags = tf.flags
logging = tf.logging
flags.DEFINE_string("model", "small", "A type of model. Possible options are: small, medium, large.")
flags.DEFINE_string("data_path", None, "Where the training/test data is stored.")
flags.DEFINE_bool("use_fp16", False, "Train using 16-bit floats instead of 32bit floats")
FLAGS = flags.FLAGS
def data_type(): return tf.float16 if FLAGS.use_fp16 else tf.float32
def ptb_producer(raw_data, batch_size, num_steps, name=None):
    with tf.name_scope(name, "PTBProducer", [raw_data, batch_size, num_steps]):
        raw_data = tf.convert_to_tensor(raw_data, name="raw_data", dtype=tf.int32)
        data_len = tf.size(raw_data)
        batch_len = data_len // batch_size
        data = tf.reshape(raw_data[0 : batch_size * batch_len], [batch_size, batch_len])
        epoch_size = (batch_len - 1) // num_steps
        assertion = tf.assert_positive(epoch_size, message="epoch_size == 0, decrease batch_size or num_steps")
        with tf.control_dependencies([assertion]):
            epoch_size = tf.identity(epoch_size, name="epoch_size")
        i = tf.train.range_input_producer(epoch_size, shuffle=False).dequeue()
        x = tf.strided_slice(data, [0, i * num_steps], [batch_size, (i + 1) * num_steps])
        x.set_shape([batch_size, num_steps])
        y = tf.strided_slice(data, [0, i * num_steps + 1], [batch_size, (i + 1) * num_steps + 1])
        y.set_shape([batch_size, num_steps])
        return x, y
class PTBInput(object):
    def __init__(self, config, data, name=None):
        self.batch_size = config.batch_size; self.num_steps = config.num_steps
        self.epoch_size = ((len(data) // config.batch_size) - 1) // config.num_steps
        self.input_data, self.targets = ptb_producer(data, config.batch_size, config.num_steps, name=name)
class PTBModel(object):
    def __init__(self, is_training, config, input_):
        self._input = input_
        batch_size, num_steps, size, vocab_size = input_.batch_size, input_.num_steps, config.hidden_size, config.vocab_size
        def lstm_cell(): return tf.contrib.rnn.BasicLSTMCell(size, forget_bias=0.0, state_is_tuple=True, reuse=tf.get_variable_scope().reuse)
        attn_cell = lstm_cell
        if is_training and config.keep_prob < 1:
            def attn_cell(): return tf.contrib.rnn.DropoutWrapper(lstm_cell(), output_keep_prob=config.keep_prob)
        cell = tf.contrib.rnn.MultiRNNCell([attn_cell() for _ in range(config.num_layers)], state_is_tuple=True)
        self._initial_state = cell.zero_state(batch_size, data_type())
        with tf.device("/cpu:0"):
            embedding = tf.get_variable("embedding", [vocab_size, size], dtype=data_type())
            inputs = tf.nn.embedding_lookup(embedding, input_.input_data)
        if is_training and config.keep_prob < 1: inputs = tf.nn.dropout(inputs, config.keep_prob)
        outputs = []
        state = self._initial_state
        with tf.variable_scope("RNN"):
            for time_step in range(num_steps):
                if time_step > 0: tf.get_variable_scope().reuse_variables()
                (cell_output, state) = cell(inputs[:, time_step, :], state)
                outputs.append(cell_output)
        output = tf.reshape(tf.stack(axis=1, values=outputs), [-1, size])
        softmax_w = tf.get_variable("softmax_w", [size, vocab_size], dtype=data_type())
        softmax_b = tf.get_variable("softmax_b", [vocab_size], dtype=data_type())
        logits = tf.matmul(output, softmax_w) + softmax_b
        logits = tf.reshape(logits, [batch_size, num_steps, vocab_size])
        loss = tf.contrib.seq2seq.sequence_loss(logits, input_.targets, tf.ones([batch_size, num_steps], dtype=data_type()), average_across_timesteps=False, average_across_batch=True)
        loss2 = tf.contrib.legacy_seq2seq.sequence_loss_by_example([tf.reshape(logits, [-1, vocab_size])], [tf.reshape(input_.targets, [-1])], [tf.ones([batch_size * num_steps], dtype=data_type())])
        self._cost = cost = tf.reduce_sum(loss)
        self.cost2 = tf.reduce_sum(loss2) / batch_size
        self._final_state = state
        if not is_training: return
        self._lr = tf.Variable(0.0, trainable=False)
        tvars = tf.trainable_variables()
        grads, _ = tf.clip_by_global_norm(tf.gradients(cost, tvars), config.max_grad_norm)
        optimizer = tf.train.GradientDescentOptimizer(self._lr)
        self._train_op = optimizer.apply_gradients(zip(grads, tvars), global_step=tf.contrib.framework.get_or_create_global_step())
        self._new_lr = tf.placeholder(tf.float32, shape=[], name="new_learning_rate")
        self._lr_update = tf.assign(self._lr, self._new_lr)
    def assign_lr(self, session, lr_value): session.run(self._lr_update, feed_dict={self._new_lr: lr_value})
    input = property(lambda s: s._input); initial_state = property(lambda s: s._initial_state); cost = property(lambda s: s._cost); final_state = property(lambda s: s._final_state); lr = property(lambda s: s._lr); train_op = property(lambda s: s._train_op)
class TestConfig(object):
    init_scale = 0.1; learning_rate = 1.0; max_grad_norm = 1; num_layers = 2; num_steps = 4; hidden_size = 8; max_epoch = 1; max_max_epoch = 2; keep_prob = 0.9; lr_decay = 0.5; batch_size = 5; vocab_size = 20
def run_epoch(session, model, eval_op=None, verbose=False):
    start_time = time.time(); costs = 0.0; iters = 0
    state = session.run(model.initial_state)
    fetches = {"cost": model.cost, "final_state": model.final_state}
    if eval_op is not None: fetches["eval_op"] = eval_op
    for step in range(model.input.epoch_size):
        feed_dict = {}
        for i, (c, h) in enumerate(model.initial_state):
            feed_dict[c] = state[i].c; feed_dict[h] = state[i].h
        vals = session.run(fetches, feed_dict)
        state = vals["final_state"]; costs += vals["cost"]; iters += model.input.num_steps
        if verbose and step % 10 == 0: print("%.3f perplexity: %.3f" % (step * 1.0 / model.input.epoch_size, np.exp(costs / iters)))
    return np.exp(costs / iters)
def main(_):
    if FLAGS.data_path: raise ValueError("no")
    data = [int(x) for x in np.random.RandomState(1).randint(0, 20, 400)]
    config = TestConfig()
    eval_config = TestConfig(); eval_config.batch_size = 1; eval_config.num_steps = 1
    with tf.Graph().as_default():
        initializer = tf.random_uniform_initializer(-config.init_scale, config.init_scale)
        with tf.name_scope("Train"):
            train_input = PTBInput(config=config, data=data, name="TrainInput")
            with tf.variable_scope("Model", reuse=None, initializer=initializer): m = PTBModel(True, config, train_input)
            tf.summary.scalar("Training Loss", m.cost); tf.summary.scalar("Learning Rate", m.lr)
        with tf.name_scope("Valid"):
            valid_input = PTBInput(config=config, data=data[:60], name="ValidInput")
            with tf.variable_scope("Model", reuse=True, initializer=initializer): mvalid = PTBModel(False, config, valid_input)
        with tf.name_scope("Test"):
            with tf.variable_scope("Model", reuse=True, initializer=initializer): mtest = PTBModel(False, eval_config, PTBInput(eval_config, data[:20], name="TestInput"))
        sv = tf.train.Supervisor(logdir=None)
        with sv.managed_session() as session:
            for i in range(config.max_max_epoch):
                m.assign_lr(session, config.learning_rate * config.lr_decay ** max(i + 1 - config.max_epoch, 0.0))
                print("Epoch: %d Learning rate: %.3f" % (i + 1, session.run(m.lr)))
                print("Train", run_epoch(session, m, eval_op=m.train_op, verbose=True), "Valid", run_epoch(session, mvalid))
            print("Test", run_epoch(session, mtest))
            a, b = session.run([mvalid.cost, mvalid.cost2]); assert abs(a - b) < 1e-3, (a, b)
        print([v.name for v in tf.trainable_variables()])
if __name__ == "__main__":
    tf.app.run()
