"""The plots of the simple stories: short sentences, one small problem, a good ending.

A plot begins with "# name: mood: classes of heroes". A line "slot = a/b/c" chooses one; the other lines are the
sentences in order, phrasings divided by " | ". "+" marks sentences of long stories, "!" those that are not told of
people of the town. {The} and {the} are the hero ("The dog", "the dog", "Tom"), {it} {It} {its} {him} the pronouns,
{friend} a second character ({a_friend} with its article), {Che} she or he for {child}. Only the hero is a subject
that follows "The" at the beginning of a sentence: so even a very small model knows who comes next.
"""

PLOTS = """
# lost: happy: animal person name
place = in the wood/behind the hill/by the river/in the big town
friend = owl/crow/bird/cat/dog/fox
!{The} lived in a small house. | {The} lived near the river. | {The} lived on a farm.
One day {the} went for a walk {place}. | One morning {the} went out alone. | One day {the} went out to play.
Soon it was dark, and {the} could not find the way home.
{The} was afraid and began to cry. | {The} sat down and cried.
+{The} called for help, but nobody came.
Then {a_friend} came by. | Then {a_friend} heard {the}.
"Do not cry," said the {friend}. "I know the way." | "Come with me," said the {friend}. "I know the way home."
So the {friend} took {the} home, and they were friends. | Soon {the} was home again, and they were both happy.

# hungry: happy: animal person
friend = mouse/bird/cat/hen/rabbit/dog
food = cake/bread/soup/cheese/pie
place = in the kitchen/in the garden/under the table
{The} was very hungry. | One day {the} was very hungry.
{The} looked {place}, but there was nothing to eat. | {The} looked for food {place}, but there was none.
+{The} was sad and sat down by the road.
Then {a_friend} came with some {food}. | Then {the} met {a_friend} with some {food}.
"We can eat it together," said the {friend}. | "There is enough for two," said the {friend}.
So {the} and the {friend} sat down and ate.
+It was the best {food} in the world.
{The} was not hungry any more, and they went home happy. | {The} was happy, and the two were friends.

# the ball: happy: animal person name
friend = boy/girl
thing = red ball/blue ball/yellow kite/little drum/red hat
place = in the grass/under a tree/by the river/in the street
One day {the} found a {thing} {place}. | One morning {the} saw a {thing} {place}.
{The} played with it all day. | {The} took it home and was very happy.
+In the evening {the} heard somebody cry.
Then {a_friend} came and said, "That is mine!" | Then {a_friend} came. "I lost it," said the {friend}.
{The} was sad, but {it} gave it back. | {The} gave the {thing} back.
"Thank you," said the {friend}. "Let us play together."
So {the} and the {friend} played until it was dark, and they went home happy.

# no friend: happy: animal person thing still
friend = bird/mouse/cat/rabbit/duck/bee
{The} had no friend. | {The} was all alone.
Every day {the} looked at the road and was sad. | Every day {the} waited, but nobody came.
+"Nobody likes me," said {the}.
One morning {a_friend} came by. | One day {a_friend} came and stopped.
"Will you be my friend?" asked the {friend}. | "Are you alone too?" asked the {friend}.
"Yes!" said {the}. | "Yes," said {the}, and {it} smiled.
They talked and laughed all day.
From that day on {the} had a friend and was never sad again. | So {the} had a friend, and they were happy.

# the storm: spooky: animal person name
friend = cat/dog/mouse/bird/hen
One night there was a big storm. | It was a dark night, and the wind was loud.
{The} was afraid of the dark. | {The} was alone and afraid.
Suddenly there was a knock at the door.
+Knock, knock, knock! {The} did not move.
"Who is there?" asked {the}.
It was only {a_friend}, and it was wet and cold. | It was only {a_friend} in the rain.
"Come in," said {the}.
They sat by the fire, and {the} was not afraid any more.

# into the water: happy: animal person name
friend = mouse/rabbit/hedgehog/cat/hen
water = river/pond/lake
One day {the} heard a cry from the {water}. | One day {the} walked along the {water} and heard a cry.
{A_friend} was in the water. | {A_friend} had fallen into the water.
"Help! I cannot swim!" called the {friend}.
{The} took a long stick and pulled the {friend} out. | {The} did not wait and pulled the {friend} out.
+They sat down in the sun until they were dry.
"Thank you," said the {friend}. "You are very brave."
{The} was proud, and they went home happy. | {The} was happy, and the two were friends from that day on.

# the song: happy: animal person name thing
{The} wanted to sing. | More than anything, {the} wanted to sing.
But {its} song was so loud that everybody laughed. | But everybody laughed, because the song was so bad.
{The} was sad. | {The} was sad and went away.
+"I will try again," said {the}.
Every morning {the} sang under a tree. | Every day {the} sang a little better.
One evening there was a feast, and {the} began to sing. | One evening {the} sang in the market.
This time nobody laughed. Everybody listened. | This time everybody was quiet and listened.
"What a beautiful song!" they said, and {the} was very happy.

# the big hat: funny: animal person name
friend = crow/goat/hen/duck/mouse
One day {the} found a very big hat. | One morning {the} put on a very big hat.
It was so big that {the} could see nothing. | It was so big that it went down to the nose.
{The} walked into a tree. "Good morning, sir," said {the} to the tree.
+Then {the} walked into a pond. "It is raining," said {the}.
{A_friend} saw it and laughed and laughed.
"Why do you laugh?" asked {the}. | "Who is laughing?" asked {the}.
"Take off your hat," said the {friend}, "and you will see."
Then {the} laughed too, and they were friends.

# the cake: funny: animal person name
friend = cat/hen/mouse/duck/goat
{The} wanted to bake a cake. | One day {the} wanted to make a cake.
{The} took flour, eggs and milk. | {The} took flour and eggs and a big spoon.
But the bag of flour fell down. Puff! | But the bag was open. Puff!
There was flour on the floor, on the table and on {the}.
+Now {the} was white from head to foot.
{A_friend} looked in at the door. | Then {a_friend} came in.
"Is it snowing?" asked the {friend}.
They laughed all evening, and {the} was happy without a cake.

# a cold: funny: animal person name thing still
friend = owl/goat/hen/goose
big = cow/horse/pig
{The} had a cold. | One morning {the} had a cold.
"Achoo!" said {the}. It was so loud that a {big} fell over.
"Achoo!" said {the} again, and a man lost his hat. | "Achoo!" said {the} again, and all the birds flew away.
+Soon nobody in the village could sleep.
Then {a_friend} came with a warm scarf. | Then {a_friend} came with hot tea.
"This will help you," said the {friend}.
Everybody waited. "Thank you," said {the}, and it was quiet.
Then "Achoo!" said the {friend}, and {the} laughed and laughed.

# goodbye: sad: animal person thing still
friend = bird/duck/goose/butterfly/crow
{The} had a good friend. It was {a_friend}. | {The} and {a_friend} were good friends.
All summer they played together. | All summer they talked and laughed.
But then it was cold, and the {friend} had to go. | But then autumn came, and the {friend} had to go.
"Goodbye," said the {friend}. "I will not forget you."
{The} was very sad and cried.
+It rained all day, and nobody came.
Every evening {the} looked at the stars and thought of the {friend}.
{The} was still sad, but {it} never forgot the friend.

# gone: sad: animal person name
thing = ball/boat/kite/hat/doll
{The} had a little {thing}. It was the best {thing} in the world. | {The} had a red {thing} and loved it very much.
One day it fell into the river. | One day the wind took it away.
{The} ran after it, but it was too fast. | {The} looked for it everywhere.
+"Come back!" called {the}, but it was gone.
{The} sat down and cried. | {The} was very sad.
In the evening {the} went home alone.
That night {the} dreamed of the {thing}, and in the dream it was there again.

# a noise: spooky: animal person name
friend = mouse/kitten/hedgehog/bird
place = under the bed/behind the door/in the cupboard/in the kitchen
One night {the} was alone at home. | It was a dark night, and {the} was alone.
Suddenly there was a noise {place}. | Then there was a strange noise {place}.
Tap, tap, tap! {The} was very afraid. | "What is that?" asked {the}. Nobody answered.
+Outside, the wind was loud and the moon was gone.
{The} took a lamp and looked.
It was only {a_friend} with a nut. | It was only {a_friend}, and it was afraid too.
"Good evening," said the {friend}.
Then {the} laughed and was not afraid any more.

# two eyes: spooky: animal person name thing still
friend = owl/cat/fox
It was night, and it was very dark. | One night it was very dark.
{The} saw two yellow eyes. | Suddenly {the} saw two big eyes.
"Who is there?" asked {the}. | {The} was afraid. "Who is there?" asked {the}.
Nobody said a word.
+It was cold, and the eyes came near. | Then the eyes came near and did not close.
"It is only me," said {a_friend} at last. "I am afraid too."
"Then stay with me," said {the}.
So {the} and the {friend} waited for the morning, and they were not afraid any more.

# no sleep: bedtime: animal person name thing still
light = moon/evening star
calm = wind/river
It was late, but {the} could not sleep. | It was night, and {the} was not tired.
{The} counted the stars. One, two, three. | {The} looked at the stars and counted them.
+All the birds were quiet, and the {calm} slept too.
Then the {light} looked down and smiled. | Then the {light} came by.
"Why are you awake?" asked the {light}. | "It is time to sleep," said the {light}.
"I am afraid of the dark," said {the}. | "I am all alone," said {the}.
"I will stay with you," said the {light}.
So {the} was not afraid, and soon {it} was asleep. Good night!

# a long day: bedtime: animal person name
friend = mother/moon/owl
All day {the} had played in the sun. | It was a long day, and {the} was very tired.
Now it was evening, and the stars came out. | Now the sun went down, and it was dark.
{The} lay down in a warm bed.
+"I saw a bird, a boat and a big red kite today," said {the}.
"May I play again tomorrow?" asked {the}.
"Yes," said the {friend}. "Tomorrow is a new day."
{The} closed {its} eyes and smiled.
Soon {the} was asleep, and all was quiet. Good night!

# the race: happy: animal person name
friend = hare/horse/fox/dog
One day there was a race with {a_friend}. | One Sunday {the} ran a race with {a_friend}.
{The} was slow, and the {friend} laughed. | {The} was small, and the {friend} laughed.
"You will never win," said the {friend}.
Then the race began, and the {friend} was far away. | Then the race began, and soon the {friend} was far away.
But the {friend} stopped to sleep under a tree.
+{The} was tired, but {it} did not stop.
{The} ran on and on and came first. | Step by step {the} went on and came first.
Everybody cheered, and {the} was very proud.

# the birthday: happy: animal person thing
friend = cat/hen/rabbit/mouse
It was the birthday of {the}. | Today was the birthday of {the}.
But nobody came, and nobody said a word. | {The} waited all morning, but nobody came.
{The} was very sad. | "They forgot me," said {the}.
+It was noon, and then it was evening.
Then there was a knock, and {a_friend} came in with a cake. | Then {a_friend} came in with a big cake.
"Happy birthday!" said the {friend}. | "We did not forget you," said the {friend}.
All the friends came, and they sang and laughed.
It was the best day, and {the} was happy.

# the seed: happy: animal person name
flower = yellow flower/red flower/tall tree/big pumpkin
{The} had a little seed. | One day {the} found a little seed.
{The} put it into the ground and gave it water. | {The} planted it in the garden.
Every day {the} looked, but there was nothing. | {The} waited and waited, but nothing came.
+"Be patient," said an old woman.
{The} was sad, but {it} gave it water every morning.
One day there was a {flower}! | Then one morning there was a {flower}!
{The} called everybody, and they all came to see it.
So {the} was proud, and everybody was happy.

# forgotten: happy: thing
friend = girl/boy/child
place = in a dark box/on a high shelf/under a bed/behind the door
{The} was {place}. | For a long time {the} was {place}.
Nobody looked for {the}, and {it} was sad. | Day after day nobody came, and {the} was sad.
+"I am old," said {the}. "Nobody needs me."
One day {a_friend} came in. | One rainy day {a_friend} looked there.
"Look what I found!" said the {friend}. | "How beautiful!" said the {friend}.
So the {friend} took {the} home. | So the {friend} took {the} out into the sun.
From that day on {the} was never alone, and they were happy.

# lost and found: happy: thing
friend = crow/bird/cat/dog/mouse
child = boy/girl
place = under the tree/in the grass/by the river/behind the house
{The} belonged to a {child}. | A {child} loved {the} very much.
One day {the} was gone. | One day the {child} lost {the}.
{Che} looked under the bed and behind the door. | {Che} looked everywhere and cried.
+"Where is it?" asked the {child}. Nobody knew.
Then {a_friend} came by. "I saw it {place}," said the {friend}.
They ran there, and there was {the}! | They went there together, and there was {the}!
{Che} took {the} home, and they were all happy.

# broken: happy: thing
friend = old man/old woman/kind man
{The} was very old. | {The} was the best in the house.
One day {the} fell down and broke. | One day there was a crack, and {the} was broken.
"Now nobody needs me," said {the} and was sad. | {The} was very sad.
+All night {the} lay on the floor.
Then {a_friend} came with a bag of tools. | Then {a_friend} came and looked at {the}.
"I can help you," said the {friend}.
Soon {the} was as good as new. | In the evening {the} was as good as new.
Everybody was happy, and {the} was happy too.

# a gift: happy: thing
child = boy/girl
who = mother/father/grandmother
shop = shop/market/little shop
{The} was for sale in a {shop}. | {The} was in the window of a {shop}.
A {child} came in with two coins. | One day a {child} came with two coins.
"How much is it?" asked the {child}. | "I need a gift," said the {child}.
+"Tomorrow is the birthday of my {who}," said the {child}.
"{The} costs two coins," said the woman in the shop.
So the {child} bought {the} and ran home. | {Che} took {the} home and was very proud.
{The} was a gift for {pos} {who}, and they were all happy.

# in the soup: funny: thing
friend = dog/cat/baby
One morning {the} was in the soup. | At noon {the} was in the soup.
"Who put {the} into the soup?" asked the father. | "What is {the} doing in the soup?" asked the mother.
Nobody knew. | Everybody looked, but nobody knew.
+"It was not me," said the grandmother.
Then they heard a noise under the table. | Then they looked under the table.
There was the {friend}, and it was wet. | There was the {friend} with a big spoon.
Everybody laughed, and {the} was washed and dried in the sun.

# it flew away: sad: thing
child = boy/girl
{The} belonged to a {child}. | A {child} loved {the} more than anything.
Every day they were together. | Every night {the} was beside the bed.
One day {the} fell into the river. | But one windy day {the} fell into the river.
{Che} ran after it, but the water was too fast. | {Che} called for help, but the water was too fast.
+It rained, and it was dark.
{Che} cried all evening. | {Che} was very sad.
That night the {child} dreamed of {the}, and in the dream they were together.

# it moved: spooky: thing
friend = mouse/kitten/hedgehog
child = boy/girl
One night {the} moved. | It was a dark night. Suddenly {the} moved.
A {child} saw it and was very afraid. | A {child} sat up in bed and looked at {the}.
Tap, tap, tap! {The} moved again.
+Outside, the wind was loud.
{Che} took a lamp and looked behind {the}.
There was a little {friend} on the floor. | It was only a little {friend}.
"Good evening," said the {friend}, and the {child} laughed.
Then {the} was still, and nobody was afraid any more.

# the way home: happy: still
friend = mouse/rabbit/kitten/duck
place = by the river/behind the hill/on the farm
One evening {a_friend} was lost and cried. | One night {the} saw {a_friend}, and it cried.
"What is wrong?" asked {the}. | "Why do you cry?" asked {the}.
"I cannot find my house," said the {friend}.
+{The} thought for a long time.
"Is it {place}?" asked {the}. | "Do you live {place}?" asked {the}.
"Yes!" said the {friend}.
{The} showed it the way. | "Go left and then right," said {the}. "I can see it."
Soon the {friend} was home, and {the} was happy.

# thank you: happy: still
child = boy/girl/farmer/baker
{The} worked every day. | Every day {the} was there for everybody.
But nobody ever said thank you. | But nobody looked at {the}, and nobody said thank you.
So {the} was sad. | "Nobody needs me," said {the}.
+One morning {the} stayed away, and everybody was afraid. | +It was a grey and cold day.
Then a {child} stopped and smiled. | One day a {child} came by.
"Thank you, {dear}," said the {child}. "What would we do without you?"
{The} was so happy that everybody saw it.
From that day on the {child} said thank you to {the} every morning.

# good night: bedtime: still
calm = wind/river
Now the day was over, and {the} was tired. | It was evening, and {the} was quiet.
One after the other, the stars came out.
+A little mouse went into its hole, and a bird closed its eyes.
"Good night," said a child to {the}. | "Sleep well," said a child to {the}.
"Good night," said {the}. | "Good night, little one," said {the}.
Far away, the {calm} sang a quiet song.
Soon the child was asleep, and {the} was asleep too.

# it was gone: sad: still
child = boy/girl
A {child} loved {the} very much. | There was a {child} who came to see {the} every day.
They told each other everything.
One day the {child} came to say goodbye. | But one day the {child} had to go away.
"We are moving to another town," said the {child}.
+It rained, and {the} did not say a word.
{The} was very sad. | {The} was sad all winter.
Every evening {the} thought of the {child}, and the {child} never forgot {the}.

# somebody loved it: happy: topic
child = girl/boy
other = boy/girl
A {child} dreamed of {the} every night. | There was a {child} who dreamed of {the}.
Every day the {child} thought of {the}. | {Che} talked of {the} all day.
But nobody else thought of {the}, and the {child} was alone. | "Nobody likes {the}," said the {child} and was sad.
+It was a long and quiet time.
One day a new {other} came to the town. | Then a new {other} came to the school.
"Do you like {the}?" asked the {other}. | "I like {the} too," said the {other}.
So they were friends, and {the} made them happy. | They talked of {the} until evening and went home happy.

# all about it: sad: topic
child = girl/boy
There was once a {child} who had a good friend. | A {child} had a good friend.
They talked of {the} every day.
Then the friend had to go away.
+It was a grey day, and it rained.
"Will you still think of {the}?" asked the friend. | "Think of me and of {the}," said the friend.
{Che} was very sad.
But every evening the {child} thought of {the} and of the friend.

# a strange night: spooky: topic
friend = owl/mouse/cat
child = girl/boy
One night a {child} dreamed of {the}. | One dark night a {child} thought of {the}.
Suddenly there was a noise. Tap, tap, tap!
"Who is there?" asked the {child}.
+Nobody said a word, and the wind was loud.
"It is only me," said {a_friend}. "I cannot sleep."
"Then let us talk of {the}," said the {child}.
So they talked of {the}, and nobody was afraid any more.

# too much: funny: topic
child = girl/boy
friend = cat/dog/hen
A {child} talked of {the} all day. | There was a {child} who talked only of {the}.
{The} in the morning, {the} at noon and {the} in the evening!
+"Please be quiet," said the father.
Even the {friend} ran away. | Then the {friend} put its head under a pillow.
One day the {child} had a cold and could not talk.
It was very quiet. Then the {friend} said, "And now, {the}!"
Everybody laughed and laughed.

# a dream: bedtime: topic
child = girl/boy
It was late, and a {child} was in bed. | The stars were out, and a {child} lay in bed.
"Tell me about {the}," said the {child}.
+The lamp was small and warm, and the house was quiet.
So the mother told a long story about {the}. | The father sat down and talked of {the}.
{Che} closed both eyes and dreamed of {the}.
Soon everybody was asleep. Good night!
"""
