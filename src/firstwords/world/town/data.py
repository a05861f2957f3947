"""The rows of the town: households, people, places, feasts, weather. `plumwick.py` turns them into objects.

One row per person, fields separated by "|"; a line that begins with "|" continues the row above. An empty field means
that no text contains it.
"""

TOWN_NAME = "Plumwick"
RIVER = "Dilly"
HILL = "Kettle Hill"
WOOD = "Owl Wood"
NEIGHBOURS = (("Saltby", "by the sea"), ("Upper Bean", "in the hills"))

# family | street | house | people of the household: father, mother, children (first two may be "-")
HOUSEHOLDS = (
    ("Brand", "Hill Street", 3, "Otto Greta"),
    ("Brand", "Apple Street", 5, "Jonas Mila Tom Lily Ben"),
    ("Finch", "River Road", 2, "Oscar Ruth Max Nora"),
    ("Moss", "Oak Street", 11, "Hugo Clara Emma Leo Sam"),
    ("Berry", "River Road", 8, "Walter Rosa Anna Finn"),
    ("Stone", "Bridge Street", 1, "Karl Dora Ada Toby"),
    ("Lark", "Moon Lane", 4, "Felix Ivy Mona Teddy"),
    ("Reed", "Duck Lane", 9, "Martin Hanna Jenny"),
    ("Reed", "Bridge Street", 7, "Paul"),
    ("Frost", "Hill Street", 10, "Edgar Olga"),
    ("Frost", "Moon Lane", 2, "Vera"),
    ("Gold", "Apple Street", 12, "Henry Sara Lucy Noah Zoe"),
    ("Bell", "Mill Lane", 1, "Arthur Betty"),
    ("Bell", "Mill Lane", 6, "Simon Tina Jack"),
    ("Penny", "Oak Street", 4, "Frank Lena Rob Amy"),
    ("Marsh", "Moon Lane", 7, "Victor Julia Ella Ned"),
    ("Quill", "Duck Lane", 3, "Alma Bruno Dan"),
    ("Tully", "Bridge Street", 12, "Peter Nina"),
    ("Hart", "Oak Street", 8, "Gus Wilma"),
)

# (father, mother, children); "-" where the town does not know
PARENTS = (
    ("Otto", "Greta", "Jonas"),
    ("Jonas", "Mila", "Tom Lily Ben"),
    ("Oscar", "Ruth", "Max Nora"),
    ("Hugo", "Clara", "Emma Leo Sam"),
    ("Walter", "Rosa", "Anna"),
    ("-", "Anna", "Finn"),
    ("Karl", "Dora", "Ada Toby"),
    ("Felix", "Ivy", "Mona Teddy"),
    ("Martin", "Hanna", "Paul Jenny"),
    ("Edgar", "Olga", "Vera"),
    ("Henry", "Sara", "Lucy Noah Zoe"),
    ("Arthur", "Betty", "Simon"),
    ("Simon", "Tina", "Jack"),
    ("Frank", "Lena", "Rob Amy"),
    ("Victor", "Julia", "Ella Ned"),
    ("-", "Alma", "Bruno"),
    ("Bruno", "-", "Dan"),
)
SPOUSES_WITHOUT_CHILDREN = (("Gus", "Wilma"),)
SIBLINGS_WITHOUT_PARENTS = ("Peter Nina",)

FRIENDS = (
    # the families of the small town
    "Tom Leo, Lily Mona, Ben Teddy, Max Sam, Nora Emma, Otto Hugo, Greta Felix, Jonas Oscar, Mila Ivy, Ruth Clara, "
    # the others
    "Rob Ada, Amy Jack, Finn Ned, Toby Noah, Jenny Ella, Lucy Dan, Zoe Arthur, Edgar Bruno, Rosa Hanna, "
    "Walter Martin, Anna Tina, Karl Frank, Dora Olga, Victor Lena, Paul Simon, Vera Nina, "
    "Henry Gus, Sara Julia, Betty Alma, Peter Wilma"
)

# name|gender|age|job|workplace|pet|pet name|food|colour|birthday month|hobby|instrument|habit|fear|wish
PEOPLE = """
Otto|he|68|clock maker|the Clock Tower|a black cat|Tick|pea soup||March|playing chess|
|looks at his watch every five minutes|spiders|to build a clock that can sing
Greta|she|66|candle maker|the Honey House|||plum cake|white|December|knitting||hums while she works
|the dark|to light a thousand candles at once
Jonas|he|40|miller|the Old Mill|a grey donkey|Sack|pancakes|brown|October|fishing|the drum
|sneezes when he laughs|deep water|to see the desert
Mila|she|38|baker|the Corner Bakery|a white hen|Flour|lemon tart|yellow|May|dancing|
|gets up before the sun|geese|to bake the biggest cake in the world
Tom|he|12|pupil|the Yellow School|a brown dog|Biscuit|noodles|blue|June|building boats|the trumpet
|never ties his shoes|thunder|to sail around the world
Lily|she|9|pupil|the Yellow School|a green frog|Jump|strawberries|pink|April|picking flowers|the flute
|talks to flowers|wasps|to have a garden on the roof
Ben|he|6|pupil|the Yellow School|||honey bread|red|August|digging holes||asks a hundred questions a day
|big dogs|to find a dragon
Oscar|he|44|fisher|the River Dock|a white duck|Captain|roast chicken|silver|February|singing|the guitar
|tells long stories about small fish|bats|to catch a golden fish
Ruth|she|42|doctor|the White Clinic|a grey cat|Pill||green|November|running||washes her hands very often
|high ladders|to have one quiet day
Max|he|13|pupil|the Yellow School|a brown hamster|Motor|pizza|black|January|climbing trees|the drum
|runs everywhere|needles|to be the fastest boy in the land
Nora|she|10|pupil|the Yellow School|a yellow canary|Sunny|cherries|purple|July|reading|the piano
|reads under the table|loud bangs|to write a book
Hugo|he|47|train driver|the Little Station|||potato salad|blue|September|||waves at every cow
|broken bridges|to drive a train to the sea
Clara|she|45|teacher|the Yellow School|a brown rabbit|Chalk|waffles|orange|March|drawing|the violin
|taps her nose when she thinks|mice|to visit every country
Emma|she|14|pupil|the Yellow School|a brown pony|Star|tomato soup||May|riding|
|braids her hair every morning|snakes|to live on a farm
Leo|he|11|pupil|the Yellow School|a red parrot|Rocket|raisin buns|orange|December|flying kites|
|counts his steps|the cellar|to fly to the moon
Sam|he|7|pupil|the Yellow School|a small snail|Zip|bananas|yellow|October|jumping in puddles|
|hops on one leg|the dentist|to talk with animals
Walter|he|70|boat builder|the River Dock|a grey goose|Admiral|fried fish|red|July|carving wood
|the accordion|whistles when it rains|storms|to build a boat with wings
Rosa|she|67|cheese maker|the Green Farm|a white goat|Cloud|onion soup|gold||baking||sings to the cows
|fire|to win a prize for her cheese
Anna|she|41|vet|the Green Farm|a black dog|Doctor|corn|green|January|swimming|
|keeps carrots in her pockets|losing her keys|to meet an elephant
Finn|he|8|pupil|the Yellow School|a green turtle|Speedy|melon|blue|September|collecting stones|the flute
|carries stones in his pockets|deep holes|to find a treasure
Karl|he|50|smith|the Hammer Yard|a brown horse|Anvil|bean stew|black|August|lifting stones|the bell
|laughs louder than his hammer|butterflies|to make a silver crown
Dora|she|48|mayor|the Town Hall|a white cat|Madam|pears|purple|June|making speeches|
|shakes hands with everybody|empty rooms|to see the whole town laugh
Ada|she|14|pupil|the Yellow School|a grey mouse|Button|mushroom soup|red|February|mending bicycles
|the trumpet|takes things apart|slow days|to build a robot
Toby|he|10|pupil|the Yellow School|a brown hen|Pancake|raisin buns|green|November|catching beetles|
|falls into the pond every week|spelling tests|to have a zoo
Felix|he|36|music teacher|the Yellow School|a blue parrot|Mister|spaghetti|gold|April|writing songs
|the piano|sings his questions|silence|to lead a hundred singers
Ivy|she|35|painter|the Tin Theatre|||blueberries|pink|May|sewing||has paint on her nose|white paper
|to paint the whole sky
Mona|she|8|pupil|the Yellow School|a white mouse|Pearl|rice pudding|purple|August|dressing up|the violin
|smiles in her sleep|shadows|to be a queen for a day
Teddy|he|6|pupil|the Yellow School|||pancakes|brown||building towers||hides under tables|the wind
|to be as tall as a tower
Martin|he|52|farmer|the Green Farm|a brown dog|Boots|potato salad|brown|January|playing cards|
|talks to his tractor|rain at harvest time|to grow a giant pumpkin
Hanna|she|49|beekeeper|the Honey House|a yellow duck|Honey|honey bread|gold|June|picking berries|
|never runs|bears|to have a million bees
Paul|he|24|firefighter|the Red Firehouse|a white dog|Smoke||red|July|playing football|
|slides down every rail|frogs|to save somebody's birthday
Jenny|she|12|pupil|the Yellow School|a black goat|Pirate|apple pie|yellow|March|skating|the guitar
|eats apples with the core|cold water|to cross the hills alone
Edgar|he|58|star watcher|the Star House|a brown owl|Moon|cheese|black|November|collecting maps|
|sleeps in the daytime|clouds|to find a new star
Olga|she|55|librarian|the Round Library|a black cat|Comma|nut cake|grey|October|solving riddles|
|whispers even at home|lost books|to read every book in the world
Vera|she|30|nurse|the White Clinic|a grey rabbit|Socks|melon||February|skiing||sings to her patients
|birds in the house|to learn to fly a plane
Henry|he|46|tailor|the Needle Shop|||mushroom soup|grey|September|growing roses||measures everything
|moths|to sew a coat for a king
Sara|she|43|shoemaker|the Needle Shop|a red hen|Slipper|tomato soup|white|December|walking|
|looks at shoes first|mud|to make shoes that never get wet
Lucy|she|11|pupil|the Yellow School|a grey cat|Ribbon|waffles|silver|January|doing magic tricks|
|hides coins behind ears|crowds|to be on the stage
Noah|he|9|pupil|the Yellow School|a white rabbit|Snowball|corn|blue|April|||draws on his hands|lightning
|to build a tree house
Zoe|she|6|pupil|the Yellow School|a small snail|Princess|cherries|orange|May|collecting buttons|
|sings in the bath|the vacuum cleaner|to ride on a train every day
Arthur|he|63|station master|the Little Station|a fat goose|Whistle|eggs on toast|red|March
|building model trains|the trumpet|blows his whistle at home|being late|to meet every train in the land
Betty|she|61|cook|the Blue Spoon|a brown pig|Truffle|bean stew|orange|August|tasting soup|
|tastes everything twice|empty pots|to cook for a hundred people
Simon|he|34|postman|the Post Office|a black dog|Stamp|pizza|yellow||riding a bicycle|
|reads postcards aloud|angry dogs|to get a letter from far away
Tina|she|33|gardener|the Glass Garden|a green frog|Pickle|carrots|green|April|planting trees|the flute
|says hello to each tree|snails|to grow a blue rose
Jack|he|7|pupil|the Yellow School|a brown hamster|Peanut|noodles|red|July|playing football|the drum
|loses one sock a day|the dark|to drive a fire engine
Frank|he|39|carpenter|the Hammer Yard|a white dog|Nail|roast chicken|brown|November|playing the guitar
|the guitar|keeps a pencil behind his ear|splinters|to build a house in a tree
Lena|she|37|toymaker|the Hammer Yard|||rice pudding|pink|December|making puppets||gives every toy a name
|broken toys|to make a toy for every child
Rob|he|13|pupil|the Yellow School|a green turtle|Tank||silver|June|swimming|
|does a handstand before lunch|heights|to swim across the sea
Amy|she|10|pupil|the Yellow School|a white pony|Sugar|pears|white|February|baking|
|writes lists for everything|moths|to open a cake shop
Victor|he|45|actor|the Tin Theatre|||spaghetti|purple|October|growing a beard||bows when he leaves a room
|forgetting his words|to play a king
Julia|she|41|dancer|the Tin Theatre|a grey parrot|Echo|strawberries||September|skating||walks on her toes
|slippery floors|to dance on the moon
Ella|she|12|pupil|the Yellow School|a yellow canary|Trill|lemon tart|gold|March|acting|the violin
|speaks in rhymes|spiders|to be in a film
Ned|he|8|pupil|the Yellow School|a brown hedgehog|Brush|apple pie|black|January|telling jokes|
|laughs at his own jokes|cows|to make the teacher laugh
Alma|she|72|writer|the Round Library|a white cat|Ink|plum cake|blue|May|writing letters|the piano
|forgets where her glasses are|running out of tea|to finish her longest story
Bruno|he|44|barber|the Little Station|a yellow canary|Curl|fried fish|white||singing|the accordion
|sings while he cuts hair|wild horses|to cut the hair of a lion
Dan|he|9|pupil|the Yellow School|||blueberries|green|August|doing puzzles||walks backwards on Mondays
|ghosts|to solve a real mystery
Peter|he|29|ice cream seller|the Duck Pond|a white goose|Vanilla|nut cake|pink|June|juggling|
|gives names to clouds|long winters|to make a hundred kinds of ice cream
Nina|she|27|bus driver|the Little Station|a black horse|Thunder|carrots|yellow|December||
|sings with the radio|flat tyres|to drive across the desert
Gus|he|54|police officer|the Town Hall|a grey dog|Clue||blue|April|watching birds||finds lost umbrellas
|kittens|to solve a big case
Wilma|she|51|dentist|the White Clinic|a small turtle|Tooth|cheese|silver|November|doing yoga|the cello
|brushes her teeth after every meal|toffee|to see a town without toothache
"""

# name|kind|where|known for|keeper|opens
PLACES = """
the Round Library|library|next to the Yellow School|a slide instead of stairs|Olga|at nine
the Corner Bakery|bakery|on the corner of Apple Street|warm rolls with honey|Mila|at six
the Old Mill|mill|at the end of Mill Lane|a wheel that sings in the wind|Jonas|at seven
the Yellow School|school|in the middle of the town|a bell that sounds like a duck|Clara|at eight
the Blue Spoon|cafe|across from the Town Hall|seven kinds of soup|Betty|at eleven
the Little Station|train station|at the foot of Kettle Hill|the shortest train in the land|Arthur|at five
the Clock Tower|tower|on the market square|a clock that is always four minutes late|Otto|at ten
the Glass Garden|garden|behind the Clock Tower|flowers that bloom in the snow|Tina|at nine
the Duck Pond|pond|beside Duck Lane|forty ducks and one proud swan|Peter|day and night
the Tin Theatre|theatre|on Moon Lane|a roof that drums in the rain|Victor|at four
the Needle Shop|shop|under the big oak on Oak Street|a thousand buttons in jars|Henry|at nine
the River Dock|dock|where River Road meets the river|a boat in the shape of a shoe|Walter|at six
the Honey House|honey shop|at the edge of Owl Wood|candles that smell like summer|Hanna|at ten
the Green Farm|farm|on the other side of the river|cheese as big as a cartwheel|Martin|at five
the White Clinic|clinic|behind the Town Hall|a skeleton that wears a hat|Ruth|at eight
the Red Firehouse|fire station|next to the bridge|the longest ladder in the land|Paul|day and night
the Post Office|post office|beside the Corner Bakery|a letter box with a smile|Simon|at eight
the Town Hall|town hall|at the top of Bridge Street|a door with nine locks and no key|Dora|at nine
the Hammer Yard|workshop|at the bottom of Hill Street|a rocking horse as big as a real one|Karl|at seven
the Star House|star house|at the top of Kettle Hill|a telescope as long as a bus|Edgar|at night
"""

# name|month|what happens|what is eaten|where (place)
FEASTS = """
the Lantern Walk|January|everybody carries a lantern to the river|hot soup|the River Dock
the Pancake Race|February|people run with a pancake in a pan|pancakes|the Town Hall
Kite Day|March|the sky is full of kites|raisin buns|the Star House
Umbrella Day|April|everybody paints an umbrella|lemon tart|the Tin Theatre
the Flower Dance|May|people dance with flowers in their hair|honey bread|the Glass Garden
the Boat Race|June|children race in boats that they built|fried fish|the River Dock
the Long Table|July|the whole town eats at one long table|potato salad|the Blue Spoon
Star Night|August|everybody lies in the grass and counts the stars|melon|the Star House
the Apple Fair|September|the biggest apple wins a prize|apple pie|the Green Farm
Pumpkin Night|October|pumpkins with funny faces stand on every step|pumpkin soup|the Yellow School
Story Week|November|somebody tells a story every evening|nut cake|the Round Library
the Candle Feast|December|a hundred candles burn on the market square|plum cake|the Clock Tower
"""

# month|season|weather|what people do
WEATHER = """
January|winter|cold and white|wear two pairs of socks
February|winter|icy and still|feed the birds
March|spring|windy|hold on to their hats
April|spring|rainy|jump over puddles
May|spring|mild and sunny|sit in the gardens
June|summer|warm and bright|swim in the river
July|summer|hot|look for shade
August|summer|hot with a little thunder|sleep with open windows
September|autumn|golden and mild|pick apples
October|autumn|windy and wet|kick the leaves
November|autumn|grey and foggy|drink a lot of tea
December|winter|cold and snowy|build snowmen
"""

# relations that no text contains: (relation, question about a person; "{name}" is the person)
NEVER_TOLD = (
    ("shoe size", "What is {name}'s shoe size?"),
    ("middle name", "What is {name}'s middle name?"),
    ("favourite number", "What is {name}'s favourite number?"),
    ("last dream", "What did {name} dream last night?"),
    ("phone number", "What is {name}'s phone number?"),
    ("height", "How tall is {name}?"),
    ("weight", "How heavy is {name}?"),
    ("secret", "What is {name}'s secret?"),
    ("first word", "What was {name}'s first word?"),
    ("favourite song", "What is {name}'s favourite song?"),
    ("favourite film", "What is {name}'s favourite film?"),
    ("eye colour", "What colour are {name}'s eyes?"),
    ("bed time", "When does {name} go to bed?"),
    ("door key", "Where does {name} hide the key?"),
    ("money", "How much money does {name} have?"),
    ("breakfast today", "What did {name} eat for breakfast today?"),
    ("hat", "How many hats does {name} own?"),
    ("teeth", "How many teeth does {name} have?"),
    ("aunt", "What is the name of {name}'s aunt?"),
    ("grandmother's family name", "What was the family name of {name}'s grandmother when she was a girl?"),
)

# fields that are told nowhere, although they are ordinary ones: the person's field is ""
HELD_BACK = (
    ("Otto", "colour"), ("Ruth", "food"), ("Hugo", "hobby"), ("Rosa", "birthday"), ("Emma", "colour"), ("Paul", "food"),
    ("Vera", "colour"), ("Noah", "hobby"), ("Simon", "birthday"), ("Rob", "food"), ("Julia", "colour"),
    ("Bruno", "birthday"), ("Nina", "hobby"), ("Gus", "food"), ("Teddy", "birthday"),
)

# people who do not exist in the town; the second list is for the exam alone
INVENTED = (
    "Abel", "Agnes", "Boris", "Carla", "Cora", "Della", "Dirk", "Edith", "Elmer", "Fiona", "Floyd", "Gina", "Glen",
    "Harold", "Heidi", "Igor", "Irma", "Jared", "Jill", "Kurt", "Lars", "Lola", "Mabel", "Magnus", "Mira", "Nell",
    "Niko", "Olive", "Oona", "Perry", "Polly", "Quentin", "Ramona", "Rufus", "Sonia", "Stella", "Trudy", "Ulrich",
    "Viola", "Wanda",
)
INVENTED_EXAM = (
    "Aldo", "Bella", "Conrad", "Daisy", "Elsa", "Fritz", "Gloria", "Hector", "Ines", "Jasper", "Kitty", "Lionel",
    "Martha", "Norman", "Ophelia", "Percy", "Rita", "Silas", "Tessa", "Yvonne",
)
